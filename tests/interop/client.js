// SPDX-FileCopyrightText: 2026 The Postern developers
// SPDX-License-Identifier: Apache-2.0
//
// nodemailer hands messages to 127.0.0.1:PORT over one connection. From stdin: {"port": PORT,
// "secure": whether with STARTTLS, "messages": [base64, …]}. It says what each was answered.
'use strict';

const nodemailer = require('nodemailer');
const order = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port: order.port,
    pool: true,
    maxConnections: 1,
    requireTLS: order.secure,
    ignoreTLS: !order.secure,
    tls: { rejectUnauthorized: false },
});

async function send() {
    for (const message of order.messages) {
        const told = await transport.sendMail({
            envelope: { from: 'alice@contoso.com', to: ['bob@example.com'] },
            raw: Buffer.from(message, 'base64'),
        });
        console.log(told.response);
    }
    transport.close();
}

send().catch((error) => {
    console.error(error);
    process.exit(1);
});
