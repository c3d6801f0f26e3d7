/**
 * `rcptwise strategy set PEER STRATEGY [--for 2h]` and `strategy reset PEER`: another strategy for
 * a peer class, at run time.
 */
import type { Command } from 'commander'
import { listPeers, resetStrategy, setStrategy } from '../admin/operations/peers.ts'
import type { PeerJson } from '../admin/schemas.ts'
import { visible } from '../log/visible.ts'
import { type ConfigurableStrategy, configurableStrategies } from '../strategy/names.ts'
import { type ReasonOption, runAdminCommand, withAdminOptions, withReason } from './admin-client.ts'
import { CommandFailure } from './command-failure.ts'
import { describeOverride } from './peers.ts'

export function register(program: Command): void {
  const strategy = program
    .command('strategy')
    .description('set another strategy for a peer class while serve runs')

  withReason(withAdminOptions(strategy.command('set <peer> <strategy>')))
    .description(
      `use another strategy for a peer class, from its next transaction on (${configurableStrategies.join(', ')})`,
    )
    .option('--dry-run', 'only say what it would do to whom')
    .option(
      '--for <duration>',
      'go back to the configured one after this time, such as 30m, 2h or 1d',
    )
    .action(async (peer: string, name: string, options: SetOptions, command: Command) => {
      await runAdminCommand(command, async ({ request, print }) => {
        if (options.dryRun === true) {
          const { peers } = await request(listPeers)
          const meaning = peers.find((known) => known.name === peer)?.meanings[name]
          if (meaning === undefined)
            throw new CommandFailure('nothing', 'there is no such peer class, or no such strategy')
          print({ strategy: name, meaning }, () => visible(`${name}: ${meaning}`))
          return 'done'
        }
        const answer = await request(setStrategy, {
          params: { name: peer },
          // serve says what is wrong with a name that is none.
          body: {
            strategy: name as ConfigurableStrategy,
            for: options.for,
            reason: options.reason,
          },
        })
        print(answer, () => describePeer(answer))
        return 'done'
      })
    })

  withReason(withAdminOptions(strategy.command('reset <peer>')))
    .description('go back to the configured strategy of a peer class')
    .action(async (peer: string, { reason }: ReasonOption, command: Command) => {
      await runAdminCommand(command, async ({ request, print }) => {
        const answer = await request(resetStrategy, { params: { name: peer }, query: { reason } })
        print(answer, () => describePeer(answer))
      })
    })
}

interface SetOptions extends ReasonOption {
  readonly for?: string
  readonly dryRun?: true
}

function describePeer({
  name,
  inForce,
  configured,
  override,
  meanings,
  notYet = [],
}: PeerJson): string {
  const why =
    override === undefined
      ? 'as configured'
      : `set ${describeOverride(override, Date.now())}; configured: ${configured}`
  return [
    `${name}: ${inForce} (${why})`,
    meanings[inForce] ?? '',
    ...notYet.map((where) => `not in force yet: ${where}`),
  ]
    .map(visible)
    .join('\n')
}
