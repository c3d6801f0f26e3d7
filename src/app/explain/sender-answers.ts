/**
 * Whether SPF or DKIM vouches for a message, and whether its refusals could be reported: asked of
 * the DNS when the machine wants to know, and once.
 */
import { SenderAllowance } from '../../bounce/sender-allowance.ts'
import type { Config } from '../../config/config.ts'
import type { World } from '../../rehearsal/world.ts'
import type { VouchedMessage, Vouching } from '../../sender-auth/sender-auth.ts'
import { configuredBounces, configuredVoucher } from '../bounces.ts'
import { assumedBackend } from './assumed-backend.ts'
import type { MessageText } from './message-text.ts'

interface Sent {
  readonly client: { readonly address: string }
  readonly helo: string
  readonly text: MessageText
}

export function senderAnswers(
  config: Config,
  { client, helo, text }: Sent,
): Pick<World, 'vouch' | 'prepareBounce'> {
  const voucher = configuredVoucher(config, { take: () => true }, Date.now)
  let vouching: Promise<Vouching> | undefined
  const vouchFor = async (message: VouchedMessage): Promise<Vouching> =>
    await (vouching ??= voucher.vouchFor(message))
  const bounces = configuredBounces(config, {
    backend: assumedBackend,
    voucher: { vouchFor },
    // How many reports the sender has had is not known here.
    allowance: new SenderAllowance(Infinity, Date.now),
    newId: () => 'explain',
    now: Date.now,
  })
  return {
    async vouch({ reversePath, symbols }) {
      const { kind } = await vouchFor({
        clientAddress: client.address,
        helo,
        reversePath,
        symbols,
        chunks: () => text.chunks(),
      })
      return kind === 'vouched'
    },
    async prepareBounce(effect) {
      const bounce = bounces.begin({ ...effect, client: { ...client, helo }, text })
      const prepared = await bounce.prepare()
      bounce.abandon()
      return prepared
    },
  }
}
