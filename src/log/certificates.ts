/** The log lines of certificates. */
import type { CertificateFact } from '../facts/certificates.ts'
import { cutText } from './cut.ts'
import type { Log } from './log.ts'

export function onCertificates(log: Log, fact: CertificateFact): void {
  switch (fact.kind) {
    case 'certificateLoaded': {
      const { name, file, expiresAt } = fact
      log.info(
        { event: fact.kind, name, file, expires: new Date(expiresAt).toISOString() },
        `certificate for ${name} in use`,
      )
      return
    }
    case 'certificateKept':
      log.warn(
        { event: fact.kind, file: fact.file, why: cutText(fact.why) },
        'new certificate is wrong: the old one stays in use',
      )
      return
    case 'certificateExpires': {
      const { at, name, file, expiresAt } = fact
      const days = Math.floor((expiresAt - at) / 86_400_000)
      const when = days < 0 ? 'has expired' : `expires in ${days} days`
      log.warn(
        { event: fact.kind, name, file, expires: new Date(expiresAt).toISOString() },
        `certificate for ${name} ${when}: renew it`,
      )
      return
    }
  }
}
