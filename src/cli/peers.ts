/** `rcptwise peers`: the peer classes and the strategies in force. */
import type { Command } from 'commander'
import type { PeerJson } from '../admin/views.ts'
import { runAdminCommand, withAdminOptions } from './admin-client.ts'
import { elapsed, table } from './table.ts'

export function register(program: Command): void {
  withAdminOptions(program.command('peers'))
    .description('show the peer classes and the strategy in force for each')
    .action(async (_options: unknown, command: Command) => {
      await runAdminCommand(command, async ({ request, print }) => {
        const answer = (await request('GET', '/api/v1/peers')) as { readonly peers: readonly PeerJson[] }
        print(answer, () => peersTable(answer.peers, Date.now()))
      })
    })
}

const peersTable = (peers: readonly PeerJson[], now: number): string =>
  table(
    ['PEER', 'STRATEGY', 'SET', 'CONFIGURED', 'DEFERS WITH', 'MATCHES'],
    peers.map((peer) => [
      peer.name,
      peer.inForce,
      peer.override === undefined ? '-' : describeOverride(peer.override, now),
      peer.configured,
      `${peer.deferCode}, again in ${peer.retryHintSeconds} s`,
      peer.match,
    ]),
  )

/** Such as `by admin, for 1h 59m more`. */
export function describeOverride({ by, until }: NonNullable<PeerJson['override']>, now: number): string {
  return `by ${by}, ${until === undefined ? 'until reset' : `for ${elapsed(now, Date.parse(until))} more`}`
}
