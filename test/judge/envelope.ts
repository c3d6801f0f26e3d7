/** What a judge is told of a message, in tests. */
import type { Judge, JudgedEnvelope, Onlooker } from '../../src/judge/judge.ts'

export const envelope: JudgedEnvelope = {
  id: 'S1.1',
  client: { address: '192.0.2.1', port: 40_000, name: 'client.test', helo: 'client.test' },
  authenticated: false,
  reversePath: 'sender@example.net',
  parameters: new Map(),
  recipients: [{ index: 0, address: 'ann@example.org', group: 'a', policy: 'careful' }],
  firstRecipients: ['ann@example.org'],
  hostname: 'mx.test',
}

/** How a judge that only looks on sees a text come. */
export function onlookerOf(judge: Judge, more: Partial<JudgedEnvelope> = {}): Onlooker {
  const judging = judge.message({ ...envelope, ...more })
  if (judging.way !== 'looks on') throw new Error(`${judge.name} reads by itself`)
  return judging
}
