# shellcheck shell=bash
# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
#
# The demo's certificates, shaped like the real ones, and the SoftHSM token. Everything lies under
# $demo/pki and $demo/token and is worth nothing after the demo.
#
#   cloud root ── cloud issuer ─────── mail.protection.outlook.com (the cloud's own)
#             └── another issuer ───── the same subject again, for the failure
#   organisation root ── its issuer ── gw.contoso.com (Postern's; its key is born in the token)
#                                 └── mail1.corp.contoso.com (the premises' mail server)

readonly endpoint_subject="/C=US/ST=Washington/L=Redmond/O=Microsoft Corporation/CN=mail.protection.outlook.com"
readonly cloud_issuer_subject="/C=US/O=Postern Demo/CN=Demo Cloud Services CA-1"
readonly other_issuer_subject="/C=US/O=Postern Demo/CN=Demo Another Cloud CA-2"
readonly organisation_root_subject="/C=US/O=Contoso Ltd/CN=Contoso Demo Root"
readonly organisation_issuer_subject="/C=US/O=Contoso Ltd/CN=Contoso Demo Issuing CA"

# Where SoftHSM's module is: Debian, Fedora, and what a multiarch build would use.
find_softhsm()
{
    local path
    for path in /usr/lib/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so \
        /usr/lib64/softhsm/libsofthsm2.so /usr/lib/pkcs11/libsofthsm2.so \
        /usr/lib/*/softhsm/libsofthsm2.so /usr/local/lib/softhsm/libsofthsm2.so; do
        if [ -e "$path" ]; then
            printf '%s\n' "$path"
            return 0
        fi
    done
    return 1
}

# What each kind of certificate carries (RFC 5280 4.2), as sections of one file.
write_extensions()
{
    cat >"$demo/pki/extensions" <<'END'
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[issuer]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[endpoint]
# serverAuth alone, as public CAs issue today: the cloud uses it as a client's all the same
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
subjectAltName = DNS:mail.protection.outlook.com, DNS:*.mail.protection.outlook.com, DNS:*.mx.microsoft
[hybrid]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth, serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
subjectAltName = DNS:gw.contoso.com, DNS:contoso.com
[premises]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
subjectAltName = DNS:mail1.corp.contoso.com
END
}

# make_root NAME SUBJECT
make_root()
{
    openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 30 -subj "$2" \
        -keyout "$demo/pki/$1.key" -out "$demo/pki/$1.pem" \
        -extensions authority -config "$demo/pki/request.cnf" 2>/dev/null
}

# sign_request NAME ISSUER SECTION: $demo/pki/NAME.csr becomes NAME.pem
sign_request()
{
    openssl x509 -req -in "$demo/pki/$1.csr" -CA "$demo/pki/$2.pem" -CAkey "$demo/pki/$2.key" \
        -set_serial "0x$(openssl rand -hex 15)" -sha256 -days 30 \
        -extfile "$demo/pki/extensions" -extensions "$3" -out "$demo/pki/$1.pem" 2>/dev/null
}

# make_certificate NAME SUBJECT ISSUER SECTION: with a key in a file
make_certificate()
{
    openssl req -new -newkey rsa:2048 -nodes -sha256 -subj "$2" -config "$demo/pki/request.cnf" \
        -keyout "$demo/pki/$1.key" -out "$demo/pki/$1.csr" 2>/dev/null
    sign_request "$1" "$3" "$4"
}

# What a TLS server or client of Postfix takes: the key, its certificate, then the chain.
bundle()
{
    local name=$1 part
    shift
    cat "$demo/pki/$name.key" "$demo/pki/$name.pem" >"$demo/pki/$name-bundle.pem"
    for part in "$@"; do
        cat "$demo/pki/$part.pem" >>"$demo/pki/$name-bundle.pem"
    done
}

make_pki()
{
    mkdir -m 700 "$demo/pki"
    write_extensions
    {
        printf '[req]\ndistinguished_name = name\nprompt = no\n[name]\n'
        cat "$demo/pki/extensions"
    } >"$demo/pki/request.cnf"
    make_root cloud-root "/C=US/O=Postern Demo/CN=Demo Cloud Root"
    make_root organisation-root "$organisation_root_subject"
    make_certificate cloud-issuer "$cloud_issuer_subject" cloud-root issuer
    make_certificate other-issuer "$other_issuer_subject" cloud-root issuer
    make_certificate organisation "$organisation_issuer_subject" organisation-root issuer
    make_certificate endpoint "$endpoint_subject" cloud-issuer endpoint
    bundle endpoint cloud-issuer
    make_certificate reissued "$endpoint_subject" other-issuer endpoint
    bundle reissued other-issuer
    make_certificate premises "/C=US/O=Contoso Ltd/CN=mail1.corp.contoso.com" organisation premises
    bundle premises organisation
}

# A token of its own, and the key that is born in it and never leaves it. The request for the
# certificate is signed by the token too. What is told of the PIN is the file it is in.
make_token()
{
    mkdir -m 700 "$demo/token" "$demo/token/objects"
    cat >"$demo/token/softhsm2.conf" <<END
directories.tokendir = $demo/token/objects
objectstore.backend = file
log.level = ERROR
slots.removable = false
END
    (umask 077 && openssl rand -hex 8 | tr -d '\n' >"$demo/token/pin")
    export SOFTHSM2_CONF=$demo/token/softhsm2.conf
    local pin
    pin=$(cat "$demo/token/pin")
    softhsm2-util --init-token --free --label postern-demo --so-pin "$(openssl rand -hex 8)" \
        --pin "$pin" >/dev/null || fail "SoftHSM made no token"
    GNUTLS_PIN=$pin p11tool --provider "$softhsm_module" --login --batch \
        --generate-privkey=rsa --bits=2048 --label=hybrid --id=01 \
        --outfile="$demo/pki/hybrid.pub" "pkcs11:token=postern-demo" >/dev/null 2>&1 ||
        fail "the token generated no key"
    printf 'cn = "gw.contoso.com"\norganization = "Contoso Ltd"\ncountry = "US"\n' \
        >"$demo/pki/hybrid.template"
    GNUTLS_PIN=$pin certtool --provider "$softhsm_module" --generate-request \
        --load-privkey "pkcs11:token=postern-demo;object=hybrid;type=private" \
        --load-pubkey "pkcs11:token=postern-demo;object=hybrid;type=public" \
        --template "$demo/pki/hybrid.template" --outfile "$demo/pki/hybrid.csr" >/dev/null 2>&1 ||
        fail "the token signed no certificate request"
    openssl req -in "$demo/pki/hybrid.csr" -verify -noout >/dev/null 2>&1 ||
        fail "the signature on the token's certificate request is not good"
    sign_request hybrid organisation hybrid
    # The far side fetches no intermediates, so that they are sent: the chain's file has them.
    cat "$demo/pki/organisation.pem" >>"$demo/pki/hybrid.pem"
}

# name_of FILE subject|issuer: as RFC 4514 and Postern's XML have it
name_of()
{
    openssl x509 -in "$1" -noout "-$2" -nameopt RFC2253,sep_comma_plus_space | sed 's/^[a-z]*=//'
}
