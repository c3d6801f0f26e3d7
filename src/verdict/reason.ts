/**
 * Why a recipient got the outcome that they got: a closed set. It is set where the decision is
 * made, and facts, log, ledger and admin API tell it as it is; nobody works it out again. A filter
 * that forces an outcome adds its word here (as mox does in smtpserver/analyze.go). Pure.
 */

/** Every word, with what it means. docs/log.md has the same table. */
export const reasonWords = {
  // Before the text.
  'bad address': 'RCPT has a parameter that was not offered, or an address that needs SMTPUTF8.',
  'relay denied': 'The domain is none of `relay_domains`.',
  'route denied': 'The local part is a route, and your server would follow it.',
  'mail refused': 'MAIL was refused, or your server could not be reached for it.',
  'policy failed': "Rcptwise could not look up the recipient's policy (`recipients.on_failure`).",
  'backend at RCPT': 'Your server refused or postponed the recipient at RCPT.',
  concealed:
    'Your server or the policy refused the recipient at RCPT, and the client learns of it only after the text (`unknown_recipients: conceal`, or because the recipient may have the message).',
  'ended early':
    'The transaction ended before the recipient had an answer: RSET, QUIT, a lost client.',
  // The text could not be judged or delivered.
  'bad text': 'The text has a bare line end, or a NUL at the beginning of a line.',
  'spool failed': 'Rcptwise could not keep the text (`spool.directory`).',
  'no answer in time': '`timeouts.reply` passed before judges and your server had answered.',
  'under way': 'Another attempt is still delivering this message.',
  // What the text is.
  'below limits': "The score is below every threshold of the recipient's policy.",
  'not judged': 'No judge said anything about the text.',
  'judge failed': 'The judge did not answer (`judge.on_failure`).',
  max_size: 'The message is larger than `max_size` of the policy.',
  accept_senders: 'The sender is in `accept_senders` of the policy.',
  refuse_senders: 'The sender is in `refuse_senders` of the policy.',
  known_senders_only:
    'The policy says `known_senders_only`, and neither a list nor a symbol says that the sender is known.',
  reject_symbols: 'A judge gave one of the `reject_symbols` of the policy.',
  accept_symbols: 'A judge gave one of the `accept_symbols` of the policy.',
  tag_symbols: 'A judge gave one of the `tag_symbols` of the policy.',
  'forced by judge': 'A judge forces the outcome, whatever the thresholds of the policy are.',
  'backend at text': 'Your server answered so to the text.',
  'delivered before': 'The recipient has had the message since an earlier attempt (rule 6).',
} as const

/** The threshold of the recipient's policy that the score reaches. */
export const thresholdWords = {
  tag_at: 'The score reaches `tag_at` of the policy.',
  quarantine_at: 'The score reaches `quarantine_at` of the policy.',
  defer_at: 'The score reaches `defer_at` of the policy.',
  reject_at: 'The score reaches `reject_at` of the policy.',
} as const

/** Decides in place of another reason, `overrules`, where there is one. */
export const overrulingWords = {
  'other group': 'Rcptwise deferred the recipient: recipients with another policy go first.',
  single: 'Rcptwise deferred the recipient: with `single` another recipient goes first.',
  'refused before': 'Rcptwise kept the refusal of an earlier attempt, and can tell it now.',
  guess:
    'Rcptwise deferred the recipient: this looks like the return of a split in which somebody is refused (rule 10).',
  'rule 2': 'Rcptwise keeps the refusal back as long as somebody of the message is deferred.',
  'shared reply':
    'No one reply is true for all, so Rcptwise told the client to come again for everyone.',
  lenient: 'The strategy is `lenient`: a recipient who would refuse gets the message marked.',
  off: 'The strategy is `off`: everyone gets what the mildest policy among them says.',
  never_defer:
    'A recipient with `never_defer` shares the answer: a recipient who would refuse gets the message marked.',
  never_reject:
    'A judge forces a refusal, and the policy says `never_reject`: the recipient gets the message marked, or it goes to quarantine.',
  no_greylisting:
    'A judge wants everyone to come again, and the policy says `no_greylisting`: the recipient gets the message now.',
  forgiven: 'The message is forgiven: Rcptwise does not split it any more (rule 5).',
  'too many retries':
    'The message had `max_forced_retries`: Rcptwise does not split it any more (rule 7).',
  trusted: 'Rcptwise never splits what this client sends (rule 7).',
  crowded: 'Too many splits are open, so Rcptwise begins no other one.',
  draining: 'Rcptwise begins no split any more (`rcptwise drain`).',
  'not reported': 'The sender wants no report about this recipient (`NOTIFY`).',
  reported: 'Rcptwise told the sender of the refusal in a report (strategy `bounce`).',
  unheard: 'The client went away before the reply.',
} as const

/** Names of docs/limits.md. */
export const recipientLimits = [
  'recipients_per_minute',
  'message_size',
  'header',
  'text_line',
] as const
export type RecipientLimit = (typeof recipientLimits)[number]

export type PlainWord = keyof typeof reasonWords
export type ThresholdWord = keyof typeof thresholdWords
export type OverrulingWord = keyof typeof overrulingWords

export type OwnReason =
  | { readonly because: PlainWord }
  | {
      readonly because: ThresholdWord
      readonly score: number
      readonly threshold: number
      /** Whose score it is, where it is not the first scorer's. */
      readonly judge?: string
    }
  | { readonly because: 'limit'; readonly limit: RecipientLimit }

export type Reason =
  OwnReason | { readonly because: OverrulingWord; readonly overrules?: OwnReason }

/** One object a word: a reason without data costs nothing. */
const plainReasons = Object.fromEntries(
  Object.keys(reasonWords).map((because) => [because, { because }]),
) as { readonly [Word in PlainWord]: { readonly because: Word } }

export const reason = (because: PlainWord): OwnReason => plainReasons[because]

export const limitReason = (limit: RecipientLimit): OwnReason => ({ because: 'limit', limit })

export const thresholdReason = (
  because: ThresholdWord,
  numbers: { readonly score: number; readonly threshold: number; readonly judge?: string },
): OwnReason => ({ because, ...numbers })

/** By the policy's own wish; whose message is put off so may never be taken. */
export const isPutOff = (why: Reason): boolean => ownReason(why)?.because === 'defer_at'

/** The reason below all that has overruled it; undefined where nobody knows it any more. */
export function ownReason(why: Reason): OwnReason | undefined {
  if ('overrules' in why) return why.overrules
  return isOverruling(why) ? undefined : why
}

const isOverruling = (why: Reason): why is Exclude<Reason, OwnReason> =>
  why.because in overrulingWords

/** `word` decides now, and not `why`; of several only the last one and the first are kept. */
export function overruled(word: OverrulingWord, why: Reason | undefined): Reason {
  const own = why === undefined ? undefined : ownReason(why)
  return own === undefined ? { because: word } : { because: word, overrules: own }
}

/** The word stays, over a reason that is known only now. */
export const stillOverruled = (why: Reason, own: Reason): Reason =>
  isOverruling(why) ? overruled(why.because, own) : why

/** A reason as the admin API tells it. */
interface ToldReason {
  readonly because: string
  readonly score?: number | undefined
  readonly threshold?: number | undefined
  readonly judge?: string | undefined
  readonly limit?: string | undefined
  readonly overrules?: ToldReason | undefined
}

/** In words, for people: `lenient, not reject_at (score 9, threshold 8)`. */
export function describeReason({
  because,
  score,
  threshold,
  judge,
  limit,
  overrules,
}: ToldReason): string {
  const data = [
    ...(score === undefined ? [] : [`score ${score}`]),
    ...(threshold === undefined ? [] : [`threshold ${threshold}`]),
    ...(judge === undefined ? [] : [`by ${judge}`]),
    ...(limit === undefined ? [] : [limit]),
  ]
  const own = data.length === 0 ? because : `${because} (${data.join(', ')})`
  return overrules === undefined ? own : `${own}, not ${describeReason(overrules)}`
}
