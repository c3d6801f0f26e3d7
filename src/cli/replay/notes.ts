/** What a replay leaves out, and what in it is an estimate. */
import type { Replayed } from '../../app/replay.ts'
import { type LeftOut, mostPlayed } from '../../past/past-mail.ts'

export function leftOutInWords(
  { unscored, own, putOff, nobody, prdr, crowded }: LeftOut,
  unfinished: number,
): readonly string[] {
  const lines: readonly (readonly [number, string])[] = [
    [unscored, 'without a score: left out'],
    [own, 'from your own hosts and users, which are never split'],
    [putOff, 'put off by a filter: they count when they come again'],
    [nobody, 'without a recipient of yours in the logs'],
    [prdr, 'with PRDR, which costs nothing'],
    [crowded, `to more than ${mostPlayed} recipients of yours`],
    [unfinished, 'that begin in the logs and do not end there'],
  ]
  return lines.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]))
}

export function notesOf({ counts, tally }: Replayed): readonly string[] {
  const { recipientsUnknown, policiesFailed } = counts
  return [
    ...(recipientsUnknown === 0
      ? []
      : [
          `Of ${recipientsUnknown} messages the logs do not name every recipient: they count with those named.`,
        ]),
    ...(policiesFailed === 0
      ? []
      : [
          `The policies of ${policiesFailed} recipients could not be looked up: they are left out.`,
        ]),
    ...(tally.sendersLeftOut === 0
      ? []
      : [`${tally.sendersLeftOut} messages are of senders that there was no room to name.`]),
    'Recipients whose policy is not known count with the default policy.',
    'auto is late, and lenient for senders that it has seen not to come back.',
    'When senders come back is an estimate.',
  ]
}
