import { expect, test } from 'vitest'
import { verifiesHost } from '../../../src/backend/endpoints/connect.ts'
import { backendTls, readBackendTls } from '../../../src/backend/wire/secure.ts'

type Settings = Partial<Parameters<typeof readBackendTls>[0]>

test.each<[string, Settings, { mx?: boolean }, boolean]>([
  ['any certificate will do', { mode: 'opportunistic' }, {}, false],
  ['authorities and the host of the URL', {}, {}, true],
  ['a name out of an MX record', {}, { mx: true }, false],
  ['MX, and the name that is expected', { serverName: 'mail.example.org' }, { mx: true }, true],
  ['MX, and the certificate itself', { fingerprints: ['00'.repeat(32)] }, { mx: true }, true],
])(
  'whether the right server is known by its certificate: %s',
  (_name, settings, server, verified) => {
    const tls = backendTls(readBackendTls({ mode: 'require', fingerprints: [], ...settings }))
    if (tls === undefined) throw new Error('there is TLS in each of them')
    expect(verifiesHost(tls, { url: 'smtp://x', host: 'x', port: 25, ...server })).toBe(verified)
  },
)
