#!/bin/sh
# Makes the certificates and keys of the specs anew, in this directory, valid up to the year 2100. They guard nothing.
#
#   ca.pem            the authority; other_ca.pem: one that signed nothing else
#   chain.pem         a server's, signed by an authority below ca.pem, and that authority; its key: server.key
#   server.pem        the same server's alone: localhost, *.example.test, 127.0.0.1, ::1
#   expired.pem       server.key's again, valid in 2001 alone
#   client.pem        a client's, signed by ca.pem; client.key; client.der, key.der: the same as ASN.1
#   encrypted.key     client.key, with the password "sesame" (PKCS #8); legacy.key: the same in the older format
#   rsa.pem rsa.key   one with a key of RSA, signed by ca.pem
#   unrevoked.pem     lists of ca.pem and the authority below it that revoke nothing; revoked.pem: that revoke server.pem and
#                     client.pem; outdated.pem: the unrevoked ones of 2001
#   dh.pem            Diffie-Hellman parameters (RFC 7919's ffdhe2048)
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
END=21000101000000Z

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

cat >"$work/ca.cnf" <<'END_OF_CONFIG'
[ca]
default_ca = it
[it]
dir = .
database = $ENV::WORK/index
new_certs_dir = $ENV::WORK
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
email_in_dn = no
copy_extensions = none
[any]
commonName = supplied
organizationName = optional
[req]
distinguished_name = none
[none]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, DNS:*.example.test, IP:127.0.0.1, IP:::1
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
END_OF_CONFIG
export WORK="$work"
: >"$work/index"

# sign OUT KEY SUBJECT EXTENSIONS CA START END
sign() {
    openssl req -new -config "$work/ca.cnf" -key "$2" -subj "$3" -out "$work/request"
    openssl ca -batch -notext -config "$work/ca.cnf" -in "$work/request" -out "$1" -extensions "$4" \
        -cert "$5.pem" -keyfile "$work/$(basename "$5").key" -startdate "$6" -enddate "$7" 2>/dev/null
}

# authority OUT SUBJECT
authority() {
    key "$work/$(basename "$1").key"
    openssl req -new -config "$work/ca.cnf" -key "$work/$(basename "$1").key" -subj "$2" -out "$work/request"
    openssl ca -batch -notext -selfsign -config "$work/ca.cnf" -in "$work/request" -out "$1.pem" -extensions authority \
        -keyfile "$work/$(basename "$1").key" -startdate 20000101000000Z -enddate "$END" 2>/dev/null
}

authority ca "/CN=ljos test authority/O=ljos"
authority other_ca "/CN=another authority/O=ljos"
key "$work/middle.key"
sign "$work/middle.pem" "$work/middle.key" "/CN=ljos test authority below/O=ljos" authority ca 20000101000000Z $END

key server.key
sign server.pem server.key "/CN=localhost/O=ljos" server "$work/middle" 20000101000000Z $END
cat server.pem "$work/middle.pem" >chain.pem
sign expired.pem server.key "/CN=localhost/O=ljos" server ca 20010101000000Z 20011231235959Z

key client.key
sign client.pem client.key "/CN=somebody/O=ljos" client ca 20000101000000Z $END
openssl x509 -in client.pem -outform DER -out client.der
openssl pkey -in client.key -outform DER -out key.der
openssl pkcs8 -topk8 -in client.key -passout pass:sesame -out encrypted.key
openssl ec -in client.key -aes128 -passout pass:sesame -out legacy.key 2>/dev/null

openssl genrsa -out rsa.key 2048 2>/dev/null
sign rsa.pem rsa.key "/CN=localhost/O=ljos" server ca 20000101000000Z $END
openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048 -out "$work/dh.pem" 2>/dev/null
openssl dhparam -in "$work/dh.pem" -out dh.pem 2>/dev/null || cp "$work/dh.pem" dh.pem

# lists OUT START END
lists() {
    for authority in ca "$work/middle"; do
        openssl ca -gencrl -config "$work/ca.cnf" -cert "$authority.pem" -keyfile "$work/$(basename "$authority").key" \
            -crl_lastupdate "$2" -crl_nextupdate "$3"
    done >"$1" 2>/dev/null
}

lists unrevoked.pem 20000101000000Z "$END"
lists outdated.pem 20010101000000Z 20011231235959Z
openssl ca -config "$work/ca.cnf" -cert "$work/middle.pem" -keyfile "$work/middle.key" -revoke server.pem 2>/dev/null
openssl ca -config "$work/ca.cnf" -cert ca.pem -keyfile "$work/ca.key" -revoke client.pem 2>/dev/null
lists revoked.pem 20000101000000Z "$END"
