// SPDX-FileCopyrightText: 2026 The Postern developers
// SPDX-License-Identifier: Apache-2.0
//
// smtp-server, the package of npm, on a port of 127.0.0.1 that the first line of output says; then a
// line of JSON for each message: its content in base64, and the TLS version it came with or false.
// Arguments: the files with its chain and key, or none for a server without STARTTLS.
'use strict';

const fs = require('fs');
const { SMTPServer } = require('smtp-server');
const [chain, key] = process.argv.slice(2);
const server = new SMTPServer({
    ...(chain ? { cert: fs.readFileSync(chain), key: fs.readFileSync(key) } : { hideSTARTTLS: true }),
    disabledCommands: ['AUTH'],
    disableReverseLookup: true,
    onData(stream, session, done) {
        const pieces = [];
        stream.on('data', (piece) => pieces.push(piece));
        stream.on('end', () => {
            const content = Buffer.concat(pieces).toString('base64');
            const tls = session.tlsOptions ? session.tlsOptions.version : false;
            console.log(JSON.stringify({ content, tls }));
            done(null, 'taken');
        });
    },
});
server.on('error', (error) => console.error(error));
server.listen(0, '127.0.0.1', () => console.log(server.server.address().port));
