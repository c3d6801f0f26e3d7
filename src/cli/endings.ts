/** With which code a command ends, and what each code means: the one list of them. */
export const endings = {
  done: { code: 0, words: 'The command did what you asked for.' },
  failed: { code: 1, words: 'Something failed, or a check found a fault.' },
  usage: { code: 2, words: 'The command line is wrong.' },
  configuration: { code: 3, words: 'The configuration is wrong, or the command can not read it.' },
  nothing: { code: 4, words: 'Nothing was found.' },
  unreachable: { code: 5, words: 'The command can not reach "rcptwise serve".' },
  refused: { code: 6, words: '"rcptwise serve" answered no.' },
  partly: { code: 7, words: 'Only a part is known or done yet.' },
} as const

export type Ending = keyof typeof endings

/** A part of --help. */
export const endingsInWords = (): string =>
  ['Exit codes:', ...Object.values(endings).map(({ code, words }) => `  ${code}  ${words}`)].join(
    '\n',
  )
