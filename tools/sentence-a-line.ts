/** Generated pages have one sentence a line, as all pages have. */

/** A sentence ends at a full stop before a capital letter or the mark of a word of code. */
export const sentenceALine = (text: string): string =>
  text.replaceAll(/(?<=[.!?]) +(?=[A-Z0-9`"])/g, '\n')
