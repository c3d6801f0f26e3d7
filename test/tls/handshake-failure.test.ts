import { expect, test } from 'vitest'
import { handshakeFailure } from '../../src/tls/handshake-failure.ts'

const withCode = (code: string, reason?: string): Error =>
  Object.assign(new Error(`error:0A000000:SSL routines::${code}`), {
    code,
    ...(reason !== undefined && { reason }),
  })

test.each([
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'certificate'],
  ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'certificate'],
  ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', 'certificate'],
  ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN', 'certificate'],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'protocol'],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'protocol'],
  ['ERR_SSL_INAPPROPRIATE_FALLBACK', 'protocol'],
  ['ERR_SSL_NO_SHARED_CIPHER', 'cipher'],
  ['ERR_SSL_NO_SUITABLE_KEY_SHARE', 'cipher'],
  ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', 'cipher'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'junk'],
  ['ERR_SSL_HTTP_REQUEST', 'junk'],
  ['ECONNRESET', 'closed'],
  ['EPIPE', 'closed'],
  ['ETIMEDOUT', 'time'],
  ['ERR_SSL_INTERNAL_ERROR', 'other'],
])('%s counts as %s', (code, reason) => {
  expect(handshakeFailure(withCode(code)).reason).toBe(reason)
})

test('OpenSSL’s words and its code are told', () => {
  expect(handshakeFailure(withCode('ERR_SSL_NO_SHARED_CIPHER', 'no shared cipher')).why).toBe(
    'no shared cipher (ERR_SSL_NO_SHARED_CIPHER)',
  )
})

test('an error without a code has its message', () => {
  expect(handshakeFailure(new Error('socket hang up'))).toEqual({
    reason: 'other',
    why: 'socket hang up',
  })
})
