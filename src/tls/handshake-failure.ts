/**
 * Why a handshake with a client failed, from OpenSSL's and the system's errors: a word for the
 * metric, and a line for the log.
 */
import type { TlsFailureReason } from '../facts/sessions.ts'

/**
 * By what is in the code, first match wins. Codes are ERR_SSL_ and OpenSSL's reason (`openssl
 * errstr`), or the system's.
 */
const reasons: readonly (readonly [RegExp, TlsFailureReason])[] = [
  // The client does not trust our certificate, or wants to see no such one (RFC 8446 6.2, alerts 42
  // to 48).
  [
    /ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_|UNKNOWN_CA|UNRECOGNIZED_NAME)/,
    'certificate',
  ],
  [/UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|VERSION_TOO_LOW|INAPPROPRIATE_FALLBACK/, 'protocol'],
  [
    /NO_SHARED_CIPHER|NO_SUITABLE|NO_CIPHERS|HANDSHAKE_FAILURE|INSUFFICIENT_SECURITY|NO_SHARED_(GROUP|SIGNATURE)/,
    'cipher',
  ],
  // Commands in clear behind STARTTLS, or no TLS client at all on an implicit-TLS port.
  [
    /WRONG_VERSION_NUMBER|HTTP_REQUEST|HTTPS_PROXY_REQUEST|UNKNOWN_PROTOCOL|PACKET_LENGTH|RECORD_/,
    'junk',
  ],
  [/^ECONNRESET$|^EPIPE$|UNEXPECTED_EOF/, 'closed'],
  [/^ETIMEDOUT$/, 'time'],
]

export function handshakeFailure(error: Error): {
  readonly reason: TlsFailureReason
  readonly why: string
} {
  const code = 'code' in error ? String(error.code) : ''
  const reason = reasons.find(([pattern]) => pattern.test(code))?.[1] ?? 'other'
  const detail = 'reason' in error ? String(error.reason) : error.message
  return { reason, why: code === '' ? detail : `${detail} (${code})` }
}
