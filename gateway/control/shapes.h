/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What posternctl asks and what posternd answers: the commands of the control socket, by name, and
 * the JSON object each has as its result. posternctl(8) shows the same to users: members may be
 * added, none may change its meaning or go.
 *
 * Text is UTF-8 (make it with control_text()), times are RFC 3339 in UTC ("2026-01-31T08:00:00Z"),
 * uptime seconds, durations as their names say. A member that does not apply is null, a list that
 * has nothing in it is []. Nothing here runs. */
#ifndef POSTERN_GATEWAY_CONTROL_SHAPES_H
#define POSTERN_GATEWAY_CONTROL_SHAPES_H

/* status, no arguments:
 *   {"version":"0.1.0", "pid":4711, "host":"gw.contoso.com", "state":"running|draining|degraded",
 *    "reason":"why it is degraded, a sentence"|null, "started":TIME, "uptime":86400, "workers":2,
 *    "configuration":{"directory":"/etc/postern", "loaded":TIME, "generation":1, "warnings":0},
 *    "listeners":["0.0.0.0:25", …], "bytes":123,
 *    "sessions":{"open":3, "total":120},
 *    "messages":{"accepted":100, "deferred":3, "rejected":1},
 *    "next_hop_connections":{"new":5, "resumed":3, "reused":90},
 *    "pool":{"idle":2, "in_use":1},
 *    "signatures":5,
 *    "certificates":[{"name":"hybrid", "subject":"CN=…", "expires":TIME, "days_left":24,
 *                     "percent_past":71, "stage":"fine|two-thirds-past|under-30-days|urgent|expired|
 *                     not-yet-valid", "severity":"ok|warning|error", "cure":"…"|null}, …]}
 * (of the certificate of each chain that fares worst: pki/lifetime.h). Counts are since posternd started; "bytes" is message data accepted. */
#define CONTROL_STATUS "status"

/* reload, no arguments. The new configuration is in force when the answer comes:
 *   {"generation":2, "warnings":[PROBLEM, …]}
 * Refused: an error with code 78 (control_fail_with) that has "problems":[PROBLEM, …] in it, where
 *   PROBLEM = {"file":"/etc/postern/postern.xml", "line":3 (0: the file as a whole),
 *              "severity":"error|warning", "what":"…", "cure":"…"} */
#define CONTROL_RELOAD "reload"

/* inbound-list, no arguments: {"connectors":[INBOUND, …]} in the order of selection, where
 *   INBOUND = {"name":"cloud", "enabled":true, "addresses":["10.1.0.5", "10.20.0.0/16", …] ([]:
 * any), "require_tls":true, "tls_minimum":"1.2", "certificate":"hybrid"|null,
 *              "sender_certificate_names":[…], "sender_domains":[…]}
 * inbound-show {"name":"cloud"}: INBOUND with "xml":"<InboundConnector …", "file":"…", "line":2.
 * No such connector: an error with code 65, whose cure names the connectors there are. */
#define CONTROL_INBOUND_LIST "inbound-list"
#define CONTROL_INBOUND_SHOW "inbound-show"

/* outbound-list, no arguments: {"connectors":[OUTBOUND, …]}, where
 *   OUTBOUND = {"name":"tenant", "enabled":true, "recipient_domains":["*"],
 *               "smart_hosts":["contoso-com.mail.protection.outlook.com:25"],
 *               "tls_settings":"DomainValidation", "tls_domains":[…], "certificate":"hybrid"|null,
 *               "scope":["exchange", …] ([]: every inbound connector),
 *               "validated":{"time":TIME, "outcome":"passed|failed", "failed_step":"rcpt"|null,
 *                            "failure":WORD|null, "detail":"…"|null, "host":"…", "address":"…"|null,
 *                            "recipient":"…"|null, "sent":false}|null (never)}
 * outbound-show {"name":"tenant"}: as inbound-show. */
#define CONTROL_OUTBOUND_LIST "outbound-list"
#define CONTROL_OUTBOUND_SHOW "outbound-show"

/* outbound-validate {"name":"tenant", "recipient":"a@example.com" (left out: it ends with what EHLO
 * offers), "sender":"b@example.com" (left out or "": the null sender), "send":true (left out: RSET
 * follows RCPT)}: a progress object as each step ends,
 *   {"step":"resolve|connect|greeting|ehlo|starttls|handshake|verdict|ehlo-tls|mail|rcpt|rset|data|
 *            message", "outcome":"passed|failed|warning|skipped", "milliseconds":12, "detail":"…",
 *    "cause":"…"|null, "cure":"…"|null, "host":"…", "address":"192.0.2.1:25"|null,
 *    and of ehlo and ehlo-tls: "offers":["SIZE 1000", …];
 *    of handshake: "tls_version", "cipher", "group", "certificate_asked":true (null: it did not come
 *    to that);
 *    of verdict: "checks":[{"check":"chain", "outcome":"passed|failed|warning|not-reached|
 *                           not-asked"}, …];
 *    of mail to message: "reply":{"code":250, "status":"2.1.0"|null, "text":"…"}}
 * and the result, which is a result also when a step failed:
 *   {"outcome":"passed|failed", "failed_step":"verdict"|null,
 *    "failure":"unreachable|refused|temporary|protocol|our-identity|their-identity"|null,
 *    "detail":"…"|null, "cause":"…"|null, "cure":"…"|null,
 *    "host":"…", "address":"192.0.2.1:25",
 *    "tls_version":"TLSv1.3", "cipher":"TLS_AES_256_GCM_SHA384", "group":"x25519",
 *    "resumed":false, "certificate_asked":true, "certificate_sent":"CN=…"|null,
 *    "peer":{"subject":"…", "issuer":"…", "names":"… …", "serial":"…", "fingerprint":"…",
 *            "expires":TIME}|null, "checks":[…]|null, "offers":[…]|null,
 *    "sender":""|null, "recipient":"…"|null, "sent":false, "reply":{…}|null (the last that counted)}
 * What was not reached is null. Several smart hosts: the steps of each that is tried come one after
 * the other, the result is that of the last. An error is for what is not the far side's fault: no
 * such connector (65), an address that is none (64), posternd stops (75), too much running (75).
 * posternctl puts the progress objects into the document it prints as "steps". */
#define CONTROL_OUTBOUND_VALIDATE "outbound-validate"

/* peer-list {"connector":"tenant" (left out: all; "outbound/tenant": of that direction)}:
 *   {"peers":[PEER, …]} in the order in which they were first seen, where
 *   PEER = {"direction":"inbound|outbound", "connector":"tenant", "subject":"…", "issuer":"…",
 *           "serial":"…", "fingerprint":"…" (SHA-256, hex), "spki":"…" (SHA-256 of the
 *           SubjectPublicKeyInfo), "eku":"serverAuth clientAuth" ("": no such extension),
 *           "not_before":TIME, "not_after":TIME, "expires_in_days":12 (negative: it has),
 *           "expiring":true (named once a day until another one comes),
 *           "verdict":"accepted|reported|refused" (the last one), "rule":"subject-issuer" (the check that
 *           refused, or the last it had to pass; "none": any certificate will do),
 *           "pair_decides":true (subject and issuer are all that it depends on),
 *           "first_seen":TIME, "last_seen":TIME, "count":17 (handshakes), "place":"who it was,
 * last"} peer-show {"name":"1A2B" (the beginning of a fingerprint, colons and case do not matter),
 *            "connector":…}: {"peers":[PEER, …]}, one for each connector it was presented to, with
 *   "names":"… …", "reason":"…", "cure":"…", "xml":"<Peer>…"|null (what accepts the pair).
 * None, or several certificates: an error with code 65. */
#define CONTROL_PEER_LIST "peer-list"
#define CONTROL_PEER_SHOW "peer-show"

/* hsm-status, no arguments:
 *   {"signer":{"pid":4712 (0: not running), "starts":1, "waiting":0,
 *              "processes":[{"serves":"key files", "pid":4712, "starts":1, "waiting":0, "keys":2},
 *                           …]},
 *    "keys":[{"key":"pkcs11:…", "identities":["hybrid"], "token":"…", "module":"…",
 *             "manufacturer":"…", "model":"…", "serial":"…", "type":"RSA 2048",
 *             "algorithms":["rsa_pss_rsae_sha256", …], "ready":true, "logged_in":true,
 *             "signatures":5, "errors":0, "recoveries":0,
 *             "steps":{"session":0, "module":0, "process":0},
 *             "place":1, "places":2, "active":true, "failovers":0, "comebacks":0,
 *             "median_microseconds":900, "p99_microseconds":1500,
 *             "last_error":"…"|null, "cure":"…"|null}, …]}
 * (struct pki_key_status of pki/signer.h, its algorithms as a list. "signer" has the first process
 * that runs, and the sums of all; a key in several places is there once for each.) */
#define CONTROL_HSM_STATUS "hsm-status"

/* hsm-list, no arguments: what is on each token that a Token element names,
 *   {"tokens":[{"uri":"pkcs11:token=postern", "found":"pkcs11:model=…"|null (the token's full URI),
 *               "module":"…"|null, "logged_in":true,
 *               "keys":[{"uri":"pkcs11:…;object=hybrid;type=private", "type":"RSA 2048",
 *                        "identities":["hybrid"]}, …],
 *               "certificates":[{"uri":"pkcs11:…", "subject":"CN=…, valid to 2027-01-31"}, …],
 *               "error":"…"|null, "cure":"…"|null}, …],
 *    "key_files":[{"file":"/…/hybrid.key", "identities":["hybrid"]}, …]}
 * A token that cannot be looked through has an error; the others have theirs all the same. */
#define CONTROL_HSM_LIST "hsm-list"

/* hsm-test {"name":"hybrid" (left out: every certificate), "count":100 (1 to 10000, default 100)}:
 * that many signatures with each key, as many at a time as its token takes; a progress object for
 * each certificate as it is done,
 *   {"certificate":"hybrid", "key":"pkcs11:…" (that made the last one), "algorithm":"…",
 *    "outcome":"passed|failed", "signatures":100, "failures":0, "at_a_time":4,
 *    "milliseconds":900, "per_second":111.1, "median_microseconds":900, "p99_microseconds":1500,
 *    "error":"…"|null, "cure":"…"|null (of the last failure)}
 * and the result {"outcome":"passed|failed", "certificates":2, "count":100}. No such certificate:
 * an error with code 65. */
#define CONTROL_HSM_TEST "hsm-test"

/* cert-list, no arguments: {"certificates":[CERTIFICATE, …]}; cert-show {"name":"hybrid"}: CERTIFICATE,
 *   {"name":"hybrid", "chain_file":"…", "keys":["pkcs11:…", …] (both of postern.xml),
 *    "watch":"…"|null, "activate_at":TIME|null, "next":GENERATION|null, "active":GENERATION,
 *    "previous":GENERATION|null}, where
 *   GENERATION = {"generation":3|null (null: in the Chain file alone), "subject":"…", "issuer":"…",
 *                 "names":["…"], "serial":"…", "fingerprint":"…", "key_type":"EC P-256",
 *                 "not_before":TIME, "not_after":TIME, "days_left":27, "lifetime_percent":71,
 *                 "lifetime":"two-thirds-past" (pki/lifetime.h), "keys":["pkcs11:…"],
 *                 "came":TIME|null, "from":"…"}, or {"error":ERROR} where it cannot be read.
 *
 * cert-stage {"name":…, "chain":BASE64, "file":"…" (for people), "key":"…" (may be left out)};
 * cert-import, the same with a key; cert-test {"name":…, "recipient":…}; cert-activate {"name":…,
 * "at":TIME}; cert-rollback {"name":…}; cert-rotate, as stage and test. The chain has at most 40 KiB
 * before base64. A progress object as each step ends,
 *   {"step":"chain|tenant|key|self-test|stage|test|activate|schedule|rollback",
 *    "connector":"tenant"|null, "outcome":"passed|failed|warning|note", "detail":"…", "cure":"…"|null}
 * and between them those of outbound-validate, with "connector". The result is
 *   {"verb":"rotate", "outcome":"passed", "connectors":[…], "certificate":CERTIFICATE,
 *    "tenant_side":{"sender_names":"…", "sender_name_changes":false, "send_connector_before":"…",
 *                   "send_connector_after":"<I>…<S>…", "tlsa_before":"3 1 1 …", "tlsa_after":"…"}
 *    (where a chain was given)}
 * where "connectors" has the results of outbound-validate, each with "connector". What fails changes
 * nothing and is an error, with "connectors" in it: 65, the chain cannot work, or there is nothing to
 * activate, test or go back to; 69, a next hop does not take it, or a token is away; 75, another change
 * is under way; 78, its key is nowhere. */
#define CONTROL_CERT_LIST "cert-list"
#define CONTROL_CERT_SHOW "cert-show"
#define CONTROL_CERT_IMPORT "cert-import"
#define CONTROL_CERT_STAGE "cert-stage"
#define CONTROL_CERT_TEST "cert-test"
#define CONTROL_CERT_ACTIVATE "cert-activate"
#define CONTROL_CERT_ROLLBACK "cert-rollback"
#define CONTROL_CERT_ROTATE "cert-rotate"
/* cert-request {"name":"hybrid", "algorithm":"ec:p256" (left out: as the present key, RSA at least
 * 3072), "reuse_key":false, "subject":"CN=…" (left out: the present certificate's), "names":["…"]
 * (left out or []: the present certificate's)}: a key made on the identity's first token, or the
 * present one, and a PKCS#10 request signed with it,
 *   {"name":"hybrid", "pem":"-----BEGIN CERTIFICATE REQUEST-----…", "key":"pkcs11:…;id=…;object=…",
 *    "label":"hybrid-20260131-080000"|null (the present key), "type":"EC P-256", "reused":false,
 *    "subject":"CN=…", "names":["gw.contoso.com"], "notes":["…"],
 *    "next":"posternctl cert stage hybrid FILE"}
 * Errors: no such certificate or a name that is none (65), no such algorithm (64), a key that is in
 * a file and not to be used again (78), and what the token says. */
#define CONTROL_CERT_REQUEST "cert-request"

#endif
