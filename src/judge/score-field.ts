/**
 * The number that a scanner wrote into its field, at the place where that scanner writes it: much
 * else in such a field is the sender's (rspamd tells of Reply-To and Subject in its own).
 */

const alone = /^([+-]?[0-9]{1,6}(?:\.[0-9]{1,6})?)(?: |$)/

/** Of an unfolded value with single blanks. */
const forms = {
  /** `5.1`, and what some put behind it: `5.1 (+++++)`, `5.1 TEST1,TEST2`. */
  'X-Spam-Score': alone,
  'X-Rspamd-Score': alone,
  /**
   * SpamAssassin, amavis: `Yes, score=15.3 required=5.0 tests=…`; `hits` is what it was called
   * before 3.0.
   */
  'X-Spam-Status': /^(?:Yes|No), ?(?:score|hits)=([+-]?[0-9]{1,6}(?:\.[0-9]{1,6})?)(?: |$)/i,
  /** rspamd: `default: False [4.10 / 15.00]; SYMBOL(1.00)[…]; …`. */
  'X-Spamd-Result': /^[A-Za-z0-9_-]+: (?:True|False) \[([+-]?[0-9]{1,6}(?:\.[0-9]{1,6})?) \/ /i,
} as const satisfies Record<string, RegExp>

export type ScoreField = keyof typeof forms
export const scoreFields = Object.keys(forms) as readonly ScoreField[]

/** `value`: unfolded. Undefined when the number is not where it belongs. */
export function scoreIn(field: ScoreField, value: string): number | undefined {
  const start = value.slice(0, 200).replaceAll(/[ \t]{1,200}/g, ' ')
  const match = forms[field].exec(start.trim())
  return match?.[1] === undefined ? undefined : Number(match[1])
}
