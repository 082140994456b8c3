# shellcheck shell=bash
# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
#
# Two real Postfix servers, each with its own configuration, queue and log under $demo, so that
# nothing of the system's Postfix is read or touched. A server's name is premises or cloud: its
# configuration is in $demo/NAME, its queue and mailboxes in $demo/spool/NAME, its log $demo/NAME.log.

# make_postfix NAME ADDRESS
make_postfix()
{
    # shellcheck disable=SC2034 # used by fill through the list of names
    local SPOOL=$demo/spool/$1 LOG=$demo/$1.log DEMO=$demo PKI=$demo/pki ADDRESS=$2 NAME=demo-$1
    local template_names=(SPOOL LOG DEMO PKI ADDRESS NAME PORT POSTERN_ADDRESS MAILBOX_USER
        MAILBOX_GROUP)
    mkdir -p -m 755 "$SPOOL"
    mkdir -m 755 "$demo/$1" "$SPOOL/queue" "$SPOOL/data" "$SPOOL/mail"
    chown postfix "$SPOOL/data"
    chown "$MAILBOX_USER:$MAILBOX_GROUP" "$SPOOL/mail"
    fill "$demo_source/common.cf.in" "$demo/$1/main.cf"
    fill "$demo_source/$1.cf.in" "$demo/$1/main.cf.own"
    cat "$demo/$1/main.cf.own" >>"$demo/$1/main.cf"
    rm "$demo/$1/main.cf.own"
    fill "$demo_source/master.cf.in" "$demo/$1/master.cf"
}

# The cloud knows its tenant by the fingerprint of the tenant's certificate.
make_tenants()
{
    openssl x509 -in "$demo/pki/hybrid.pem" -noout -fingerprint -sha256 |
        sed -E 's/^[^=]*=(.*)$/\1 contoso/' >"$demo/cloud/tenants"
}

start_postfix()
{
    postfix -c "$demo/$1" start >>"$demo/$1.start.log" 2>&1 ||
        fail "the Postfix of the $1 did not start ($demo/$1.start.log may say why)"
    await 15 listens "$2" || fail "the Postfix of the $1 does not listen on $2 port $PORT"
}

stop_postfix()
{
    [ -e "$demo/$1/main.cf" ] || return 0
    postfix -c "$demo/$1" status >/dev/null 2>&1 || return 0
    postfix -c "$demo/$1" stop >>"$demo/$1.start.log" 2>&1 || true
}

listens()
{
    (exec 3<>"/dev/tcp/$1/$PORT") 2>/dev/null
}

# send SERVER FROM TO MESSAGE-ID SUBJECT: into the queue of a server, as its own users would
send()
{
    sendmail -C "$demo/$1" -i -f "$2" "$3" <<END || fail "the $1 did not take the message from $2"
From: <$2>
To: <$3>
Subject: $5
Message-ID: <$4>

$demo_body
END
}

# The file of the message that arrived at server $1 with message-id $2; false when there is none.
find_message()
{
    grep -rlF "Message-ID: <$2>" "$demo/spool/$1/mail/everyone/new" 2>/dev/null | head -n 1 | grep .
}

# The Received: lines of a message, each unfolded to one line.
received_lines()
{
    sed -e '/^$/,$d' "$1" | sed -e ':a' -e 'N' -e '$!ba' -e 's/\n[ \t][ \t]*/ /g' |
        grep -i '^Received:'
}

# Why server $1 still has the message of $2 in its queue; false when it has none that was tried.
deferral()
{
    postqueue -c "$demo/$1" -j 2>/dev/null | grep -F "\"address\": \"$2\"" |
        sed -nE 's/.*"delay_reason": "(([^"\\]|\\.)*)".*/\1/p' | grep . | tail -n 1
}
