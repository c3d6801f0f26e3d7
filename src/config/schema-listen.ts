/** What clients connect to: listeners, TLS, and what EHLO offers. */
import { z } from 'zod'
import * as is from './notation.ts'
import { key, section } from './notation.ts'

const listener = z.preprocess(
  (raw) => (typeof raw === 'string' ? { address: raw } : raw),
  z.strictObject({
    address: key(is.listenAddress(), 'Address and port; port 0 takes any free one.'),
    tls: key(
      z.enum(['starttls', 'implicit', 'off']).prefault('starttls'),
      'Offer STARTTLS; or begin with the TLS handshake, as on port 465; or neither.',
    ),
    auth: key(
      z.preprocess(
        (raw) => (raw === false ? 'off' : raw),
        z.enum(['off', 'pass', 'pass_in_clear']).prefault('off'),
      ),
      'AUTH: `pass` offers what the backend offers, after TLS, and lets the backend decide; `pass_in_clear` does so without TLS too. See docs/auth.md.',
    ),
    proxy_protocol_from: key(
      z.array(is.range()).prefault([]),
      'Addresses of proxies: connections from them have to begin with a PROXY header (version 1 or 2), which says who the client is.',
    ),
    xclient_from: key(
      z.array(is.range()).prefault([]),
      'Addresses of proxies that may say who the client is by XCLIENT, such as nginx as a mail proxy; Rcptwise offers it to nobody else. Limits by address count the proxy; where that is too narrow, use the PROXY protocol, which tells the client before these limits count.',
    ),
  }),
)

/** Also written as the addresses alone, or as one. */
export const listen = z
  .preprocess(
    (raw) => (typeof raw === 'string' ? [raw] : raw),
    z.array(listener).min(1, { error: 'at least one address' }),
  )
  .prefault(['127.0.0.1:2525'])

const certificate = z.strictObject({
  cert: key(
    is.text('a file name'),
    'PEM file with the certificate, followed by the rest of its chain.',
  ),
  key: key(is.text('a file name'), 'PEM file with the private key, without a passphrase.'),
})

export const tls = section({
  certificates: key(
    z.array(certificate).prefault([]),
    'Pairs of files, chosen by the name for which the client asks; the first is for everyone else. Without any, Rcptwise makes a self-signed one.',
  ),
  minimum_version: key(
    z.enum(['TLSv1.2', 'TLSv1.3']).prefault('TLSv1.2'),
    'The oldest version that Rcptwise speaks; older ones than these are not safe (RFC 8996).',
  ),
  ciphers: key(
    is
      .ciphers()
      .prefault(
        'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305',
      ),
    "Ciphers in OpenSSL's notation, best first; names that begin with `TLS_` choose those of TLS 1.3. docs/tls.md says what the default leaves out, and when to add it.",
  ),
  request_client_certificate: key(
    z.boolean().prefault(false),
    'Ask clients for a certificate and log what they show; no client needs one.',
  ),
})

export const ehlo = section({
  chunking: key(
    z.boolean().prefault(false),
    'Offer CHUNKING; Exim then does not go on in the same session after a 452.',
  ),
  greylist: key(z.boolean().prefault(true), 'Offer GREYLIST, which announces retry hints.'),
  limits_rcpt_max: key(
    is.whole(1, 100_000).optional(),
    'Offer LIMITS RCPTMAX (RFC 9422). Exim 4.98 obeys it, and can then lose recipients it has not offered yet.',
    'not offered',
  ),
})
