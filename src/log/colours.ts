/**
 * Colours, where standard output is a terminal that has them. NO_COLOR takes them away, and
 * FORCE_COLOR gives them also where it is none.
 */
import { styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan'

export const paint = (style: Style, text: string): string =>
  styleText(style, text, { stream: process.stdout })

export const hasColours = (): boolean => paint('bold', 'x') !== 'x'
