/** Changes one after the other: between looking at what is there and changing it comes nobody. */

export type InTurn = <Result>(act: () => Promise<Result>) => Promise<Result>

export function inTurn(): InTurn {
  let before: Promise<unknown> = Promise.resolve()
  return async (act) => {
    const mine = before.then(act, act)
    before = mine.catch(() => undefined)
    return await mine
  }
}
