/** `rcptwise recipients test ADDRESS…`: which policy recipients have, and where it comes from. */
import type { Command } from 'commander'
import { type MailboxReport, type RecipientReport, reportOn } from '../app/recipient-report.ts'
import { known } from '../known.ts'
import { visible } from '../log/visible.ts'
import type { Origins } from '../policy/origins.ts'
import type { PolicyColumn } from '../policy/policy-source.ts'
import type { Policy, SeveralPolicies } from '../verdict/policy.ts'
import { isAddress, notAnAddress } from './address-argument.ts'
import { carryOut, CommandFailure } from './command-failure.ts'
import { configured, withConfigOptions } from './configured.ts'
import type { Ending } from './endings.ts'
import { rawInWords, saidOf } from './policy-in-words.ts'
import { sentences } from './table.ts'

export function register(program: Command): void {
  const recipients = program
    .command('recipients')
    .description('where the policies of recipients come from')
  const command = withConfigOptions(recipients.command('test <address...>'))
    .description('show the keys, what each source says, the policy and the group of each address')
    .option('--from <address>', 'for mail of this sender', '')
    .option('--json', 'as JSON')
  command.action(async (addresses: readonly string[], options: TestOptions) => {
    await carryOut(command, async () => await run(addresses, command, options))
  })
}

interface TestOptions {
  readonly from: string
  readonly json?: true
}

async function run(
  addresses: readonly string[],
  command: Command,
  { from: sender, json = false }: { readonly from: string; readonly json?: boolean },
): Promise<Ending> {
  const wrong = addresses.find((address) => !isAddress(address))
  if (wrong !== undefined) throw new CommandFailure('usage', notAnAddress(wrong))
  const reports = await reportOn({ addresses, sender }, configured(command))
  const text = json
    ? JSON.stringify(reports.map(inJson), undefined, 2)
    : sentences(reports.map(inWords).join('\n\n'))
  process.stdout.write(`${text}\n`)
  return reports.some(isTroubled) ? 'partly' : 'done'
}

export const isTroubled = ({ aliasTrouble, mailboxes }: RecipientReport): boolean =>
  aliasTrouble !== undefined ||
  mailboxes.some(({ told }) => told.some(({ answer }) => isTrouble(answer.kind)))

const isTrouble = (kind: string): boolean => kind === 'failed' || kind === 'wrong'

/** A line of the report, fit for a terminal. */
const line = (what: string, text: string): string => `  ${what.padEnd(7)} ${visible(text)}`

export function inWords(report: RecipientReport): string {
  const { address, aliasTrouble, mailboxes, policy, group } = report
  const isAlias = mailboxes.length > 1 || mailboxes[0]?.mailbox !== address
  return [
    visible(address),
    ...(aliasTrouble === undefined ? [] : [line('aliases', aliasTrouble)]),
    ...mailboxes.flatMap((each) => [
      ...(isAlias ? [line('mailbox', each.mailbox)] : []),
      ...mailboxInWords(each),
    ]),
    ...(policy === undefined
      ? [line('policy', 'not known: the client gets 451')]
      : [line('policy', valuesOf(policy, mailboxes)), line('group', String(group))]),
  ].join('\n')
}

const mailboxInWords = ({ keys, told }: MailboxReport): readonly string[] => [
  line('keys', keys.join(', ')),
  ...told.map(({ source, answer }) =>
    line(
      'source',
      `${source} ${answer.kind === 'failed' ? `failed: ${answer.why}` : rawInWords(answer)}`,
    ),
  ),
]

/** Of several mailboxes' policies none has said a value alone. */
function valuesOf(policy: Policy, mailboxes: readonly MailboxReport[]): string {
  if (policy.several !== undefined) return severalInWords(policy.several)
  const values = saidOf(policy).map(
    ({ field, column, words }) => `${column} ${words}${originInWords(field, mailboxes)}`,
  )
  return `${policy.name}: ${values.join(', ')}`
}

const severalInWords = ({ which, of }: SeveralPolicies): string =>
  `the ${which} of ${of.map((policy) => `(${valuesOf(policy, [])})`).join(' ')}`

const originInWords = (field: PolicyColumn, mailboxes: readonly MailboxReport[]): string => {
  const from = fromOf(field, mailboxes)
  return from === undefined ? '' : ` (${from})`
}

function fromOf(
  field: PolicyColumn,
  [first, ...others]: readonly MailboxReport[],
): string | undefined {
  return first === undefined || others.length > 0 ? undefined : originOf(field, first.origins)
}

const originOf = (field: PolicyColumn, { of, others }: Origins): string =>
  of.get(field) ?? others ?? 'default'

const allOf = (policy: Policy): Readonly<Record<string, unknown>> => ({
  name: policy.name,
  values: saidOf(policy).map(({ column, value }) => ({ column, value })),
})

export function inJson({
  address,
  aliasTrouble,
  policy,
  group,
  mailboxes,
}: RecipientReport): Readonly<Record<string, unknown>> {
  return {
    address,
    ...known({ aliasTrouble, group }),
    mailboxes: mailboxes.map(({ mailbox, keys, told }) => ({ mailbox, keys, told })),
    ...(policy !== undefined && {
      policy: {
        name: policy.name,
        ...known({ of: policy.several?.of.map(allOf) }),
        values: saidOf(policy).map(({ field, column, value }) => ({
          column,
          value,
          ...known({ from: fromOf(field, mailboxes) }),
        })),
      },
    }),
  }
}
