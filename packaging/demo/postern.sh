# shellcheck shell=bash
# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
#
# Postern itself: its configuration from the templates in postern/, and posternd with its signer.

make_postern()
{
    # shellcheck disable=SC2034 # used by fill through the list of names
    local PKI=$demo/pki DEMO=$demo SOFTHSM_MODULE=$softhsm_module ENDPOINT_SUBJECT ENDPOINT_ISSUER
    ENDPOINT_SUBJECT=$(name_of "$demo/pki/endpoint.pem" subject)
    ENDPOINT_ISSUER=$(name_of "$demo/pki/endpoint.pem" issuer)
    local template_names=(PKI DEMO SOFTHSM_MODULE ENDPOINT_SUBJECT ENDPOINT_ISSUER PORT
        POSTERN_ADDRESS PREMISES_ADDRESS CLOUD_ADDRESS) file
    mkdir -m 755 "$demo/postern" "$demo/postern/inbound" "$demo/postern/outbound"
    for file in postern.xml inbound/exchange.xml inbound/cloud.xml outbound/tenant.xml \
        outbound/premises.xml; do
        fill "$demo_source/postern/$file.in" "$demo/postern/$file"
    done
}

ctl()
{
    "$build/gateway/posternctl" --config "$demo/postern" "$@"
}

start_postern()
{
    "$build/gateway/posternd" --config "$demo/postern" --check-config >"$demo/check-config.log" 2>&1 ||
        fail "posternd refuses the demo's configuration: $(tail -n 3 "$demo/check-config.log")"
    setsid "$build/gateway/posternd" --config "$demo/postern" \
        --signer "$build/pki/postern-signer" >>"$demo/posternd.log" 2>&1 </dev/null &
    echo $! >"$demo/posternd.pid"
    await 20 postern_is_ready || fail "Postern was not ready in time:" \
        "$(tail -n 3 "$demo/posternd.log")"
}

postern_is_ready()
{
    kill -0 "$(cat "$demo/posternd.pid")" 2>/dev/null ||
        fail "posternd has ended: $(tail -n 3 "$demo/posternd.log")"
    ctl status >"$demo/status.out" 2>&1
}

# Only a process that is still our posternd is ended.
stop_postern()
{
    local pid
    pid=$(cat "$demo/posternd.pid" 2>/dev/null) || return 0
    if is_our_posternd "$pid"; then
        kill -TERM "$pid"
        await 10 postern_has_ended "$pid" || kill -KILL "$pid"
    fi
    rm -f "$demo/posternd.pid"
}

is_our_posternd()
{
    { tr '\0' ' ' <"/proc/$1/cmdline" | grep -qF -- "--config $demo/postern"; } 2>/dev/null
}

postern_has_ended()
{
    ! is_our_posternd "$1"
}

# The newest log line of event $1 that has text $2; false when there is none.
postern_event()
{
    grep -F " event=$1 " "$demo/posternd.log" | grep -F -- "$2" | tail -n 1 | grep .
}
