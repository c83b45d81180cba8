--- OpenSSL: the system's library, found and declared; versions 3 and 1.1.
---
--- It is loaded with the first module of `tls`, by its soname, and for good: finalisers of its objects may run as long
--- as the Lua state lives. libcrypto comes with it. Everything is declared with `void *`, so that a program that
--- declares the same functions with types of its own gets on with this one.
---
--- The constants are those of the headers, the same in both versions and on every architecture (OpenSSL keeps them for
--- the sake of its ABI); a spec compares them with the C compiler's where the headers are there.
---
--- Errors:   raises a string that names what to install
--- Suspends: never
--- Needs:    libssl.so.3 or libssl.so.1.1
local ffi = require "ffi"
local native = require "ljos.native"

---@class ljos.tls.openssl
---@field lib ffi.namespace*
local M, is_loaded = native.lasting "ljos.tls.openssl"
if is_loaded and M.lib then return M end

local SONAMES = { "libssl.so.3", "libssl.so.1.1" }

native.declare [[
int OPENSSL_init_crypto(uint64_t options, const void *settings);
unsigned long ERR_get_error(void);
void ERR_clear_error(void);
const char *ERR_reason_error_string(unsigned long code);

const void *TLS_method(void);
const void *TLS_client_method(void);
const void *TLS_server_method(void);
void *SSL_CTX_new(const void *method);
void SSL_CTX_free(void *ctx);
long SSL_CTX_ctrl(void *ctx, int command, long number, void *pointer);
uint64_t SSL_CTX_set_options(void *ctx, uint64_t options);
uint64_t SSL_CTX_clear_options(void *ctx, uint64_t options);
void SSL_CTX_set_verify(void *ctx, int mode, void *callback);
void SSL_CTX_set_verify_depth(void *ctx, int depth);
void *SSL_CTX_get0_param(void *ctx);
void *SSL_CTX_get_cert_store(void *ctx);
int SSL_CTX_set_default_verify_paths(void *ctx);
int SSL_CTX_load_verify_locations(void *ctx, const char *file, const char *directory);
int SSL_CTX_use_certificate(void *ctx, void *certificate);
int SSL_CTX_use_PrivateKey(void *ctx, void *key);
void *SSL_CTX_get0_certificate(const void *ctx);
int SSL_CTX_set_cipher_list(void *ctx, const char *list);
int SSL_CTX_set_ciphersuites(void *ctx, const char *list);
int SSL_CTX_set_alpn_protos(void *ctx, const uint8_t *list, unsigned length);
long SSL_CTX_callback_ctrl(void *ctx, int command, void *callback);
void SSL_CTX_set_alpn_select_cb(void *ctx, void *callback, void *argument);

void *SSL_new(void *ctx);
void SSL_free(void *ssl);
int SSL_use_certificate(void *ssl, void *certificate);
void *SSL_get_privatekey(const void *ssl);
void SSL_set_bio(void *ssl, void *from, void *to);
void SSL_set_connect_state(void *ssl);
void SSL_set_accept_state(void *ssl);
int SSL_do_handshake(void *ssl);
int SSL_read(void *ssl, void *bytes, int count);
int SSL_write(void *ssl, const void *bytes, int count);
int SSL_shutdown(void *ssl);
int SSL_get_error(const void *ssl, int result);
int SSL_in_init(const void *ssl);
long SSL_ctrl(void *ssl, int command, long number, const void *pointer);
void SSL_set_verify(void *ssl, int mode, void *callback);
void SSL_set_verify_depth(void *ssl, int depth);
int SSL_get_verify_mode(const void *ssl);
int SSL_get_security_level(const void *ssl);
void *SSL_get0_param(void *ssl);
long SSL_get_verify_result(const void *ssl);
void *SSL_get0_verified_chain(const void *ssl);
void *SSL_set_SSL_CTX(void *ssl, void *ctx);
const char *SSL_get_version(const void *ssl);
const void *SSL_get_current_cipher(const void *ssl);
const char *SSL_CIPHER_get_name(const void *cipher);
const char *SSL_get_servername(const void *ssl, int kind);
void SSL_get0_alpn_selected(const void *ssl, const uint8_t **name, unsigned *length);
void *SSL_get_peer_certificate(const void *ssl);
void *SSL_get1_peer_certificate(const void *ssl);
void *SSL_get1_session(void *ssl);
int SSL_set_session(void *ssl, void *session);
int SSL_set_session_id_context(void *ssl, const char *id, unsigned length);
int SSL_session_reused(const void *ssl);
void SSL_SESSION_free(void *session);

void *BIO_new(const void *method);
const void *BIO_s_mem(void);
void *BIO_new_mem_buf(const void *bytes, int count);
int BIO_free(void *bio);
int BIO_read(void *bio, void *bytes, int count);
int BIO_new_bio_pair(void **one, size_t one_size, void **other, size_t other_size);
int BIO_nread0(void *bio, uint8_t **place);
int BIO_nread(void *bio, uint8_t **place, int count);
int BIO_nwrite0(void *bio, uint8_t **place);
int BIO_nwrite(void *bio, uint8_t **place, int count);

void *PEM_read_bio_X509_AUX(void *bio, void **x, void *callback, const char *password);
void *PEM_read_bio_PrivateKey(void *bio, void **x, void *callback, const char *password);
void *PEM_read_bio_DHparams(void *bio, void **x, void *callback, const char *password);
void *PEM_read_bio_X509_CRL(void *bio, void **x, void *callback, const char *password);
void *d2i_X509_bio(void *bio, void **x);
void *d2i_PrivateKey_bio(void *bio, void **x);
void EVP_PKEY_free(void *key);
int EVP_PKEY_base_id(const void *key);
int EVP_PKEY_get_base_id(const void *key);
void DH_free(void *dh);

void X509_free(void *certificate);
int X509_check_private_key(const void *certificate, const void *key);
void *X509_get0_pubkey(const void *certificate);
int i2d_X509(void *certificate, uint8_t **place);
void *X509_get_subject_name(const void *certificate);
void *X509_get_issuer_name(const void *certificate);
int X509_NAME_print_ex(void *bio, const void *name, int indent, unsigned long flags);
const void *X509_get0_serialNumber(const void *certificate);
int i2a_ASN1_INTEGER(void *bio, const void *number);
const void *X509_get0_notBefore(const void *certificate);
const void *X509_get0_notAfter(const void *certificate);
void *ASN1_TIME_set(void *time, long seconds);
int ASN1_TIME_diff(int *days, int *seconds, const void *from, const void *to);
void ASN1_STRING_free(void *string);
const void *EVP_sha256(void);
int X509_digest(const void *certificate, const void *digest, uint8_t *bytes, unsigned *length);
int X509_STORE_add_cert(void *store, void *certificate);
int X509_STORE_add_crl(void *store, void *list);
void X509_CRL_free(void *list);
const char *X509_verify_cert_error_string(long code);
void *OPENSSL_sk_value(const void *stack, int index);
int X509_VERIFY_PARAM_set1_host(void *param, const char *name, size_t length);
int X509_VERIFY_PARAM_set1_ip(void *param, const uint8_t *address, size_t length);
int X509_VERIFY_PARAM_set1_ip_asc(void *param, const char *address);
int X509_VERIFY_PARAM_set_flags(void *param, unsigned long flags);
void X509_VERIFY_PARAM_set_hostflags(void *param, unsigned flags);
int X509_VERIFY_PARAM_set1(void *to, const void *from);
void X509_VERIFY_PARAM_set_auth_level(void *param, int level);
void *X509_STORE_CTX_new(void);
void X509_STORE_CTX_free(void *check);
int X509_STORE_CTX_init(void *check, void *store, void *certificate, void *others);
int X509_STORE_CTX_set_default(void *check, const char *name);
void *X509_STORE_CTX_get0_param(void *check);
int X509_verify_cert(void *check);
int X509_STORE_CTX_get_error(void *check);
int X509_STORE_CTX_get_error_depth(void *check);
void *X509_STORE_CTX_get_current_cert(void *check);
]]

-- Beside the soname there is no file to ask for by another name: "libssl.so" is for compilers.
local function open()
    local tried = {}
    for _, soname in ipairs(SONAMES) do
        local ok, lib = pcall(ffi.load --[[@as function]], soname)
        if ok then return lib end
        tried[#tried + 1] = "  " .. tostring(lib)
    end
    local message = "ljos: tls needs OpenSSL's library, version 3 or 1.1, which was not found:\n%s\n"
        .. "Install it: apt-get install libssl3 (Debian and its like), dnf install openssl-libs, apk add libssl3."
    error(message:format(table.concat(tried, "\n")), 0)
end

M.lib = open()

-- OPENSSL_INIT_NO_ATEXIT of crypto.h. What exit(3) would free is still in use by actors in other threads.
M.lib.OPENSSL_init_crypto(0x00080000, nil)

--- Whether the library has a function.
---@param name string
---@return boolean
function M.has(name)
    return (pcall(function() return M.lib[name] end))
end

-- Result codes of SSL_get_error(3).
M.ERROR = { SSL = 1, WANT_READ = 2, WANT_WRITE = 3, SYSCALL = 5, ZERO_RETURN = 6 }

-- Commands of SSL_ctrl(3) and SSL_CTX_ctrl(3), which the headers hide in macros.
M.CTRL = {
    SET_TMP_DH = 3,
    MODE = 33,
    SET_READ_AHEAD = 41,
    SET_TLSEXT_SERVERNAME_CB = 53,
    SET_TLSEXT_SERVERNAME_ARG = 54,
    SET_TLSEXT_HOSTNAME = 55,
    CHAIN = 88,
    CHAIN_CERT = 89,
    SET_MIN_PROTO_VERSION = 123,
    SET_MAX_PROTO_VERSION = 124,
    GET_MIN_PROTO_VERSION = 130,
}

M.MODE = { ENABLE_PARTIAL_WRITE = 0x1, ACCEPT_MOVING_WRITE_BUFFER = 0x2, AUTO_RETRY = 0x4, RELEASE_BUFFERS = 0x10 }

M.OP = {
    ALL = 0x80000850,
    NO_COMPRESSION = 0x00020000,
    NO_SSLv2 = 0,
    NO_SSLv3 = 0x02000000,
    NO_TLSv1 = 0x04000000,
    NO_TLSv1_1 = 0x10000000,
    NO_TLSv1_2 = 0x08000000,
    NO_TLSv1_3 = 0x20000000,
    NO_RENEGOTIATION = 0x40000000,
    SINGLE_DH_USE = 0,
}

M.V_FLAG = { CRL_CHECK = 0x4, CRL_CHECK_ALL = 0x8 }

M.VERIFY = { NONE = 0, PEER = 1, FAIL_IF_NO_PEER_CERT = 2, CLIENT_ONCE = 4 }

M.VERSION = { SSL3 = 0x300, TLS1 = 0x301, TLS1_1 = 0x302, TLS1_2 = 0x303, TLS1_3 = 0x304 }

--- Returns a pointer with the function that frees it; nil for a null pointer.
---@param pointer ffi.cdata*
---@param free string  the function's name
---@return ffi.cdata*?
function M.owned(pointer, free)
    if pointer == nil then return nil end
    return ffi.gc(pointer, M.lib[free])
end

return M
