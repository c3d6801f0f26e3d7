/**
 * Text that a stranger chose, made fit for a terminal and for a line-wise log: whoever sends mail
 * chooses addresses, HELO names and message ids, and must not be able to begin a new line, colour
 * it, move the cursor or turn text around.
 */

/**
 * C0, DEL, C1; line and paragraph separator; what hides text or changes its direction (Unicode UAX
 * 9 and format characters).
 */
const unfit =
  /[\0-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g
const unfitInJson =
  /[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

const escapeSequence = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Each unfit character as `\u001b` and the like, for text that goes to a terminal. */
export const visible = (text: string): string => text.replace(unfit, escapeSequence)

/**
 * The same for a line of JSON, which stays JSON of the same meaning: JSON itself only escapes C0.
 */
export const visibleJson = (line: string): string => line.replace(unfitInJson, escapeSequence)
