/** What a view is given, and what it answers with. */
import type { Place } from './place.ts'
import type { Sources } from './sources.ts'

export interface ViewContext {
  readonly sources: Sources
  /** Ends when another view is shown. */
  readonly signal: AbortSignal
  /** Changes words of the address; an empty one takes the word away. */
  readonly go: (change: Readonly<Record<string, string | undefined>>) => void
  /** Whether changes are possible: not with a token of the role `read`. */
  readonly mayOperate: () => boolean
  /** Says in a line at the bottom that something was done. */
  readonly say: (text: string) => void
}

/** Draws what this place of its view asks for; called again for each new place. */
export type Update = (place: Place) => void

/** Puts the view into the element. */
export type View = (root: HTMLElement, context: ViewContext) => Update
