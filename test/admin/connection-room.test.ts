import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ConnectionRoom, type Guest } from '../../src/admin/connection-room.ts'

it('property: the newest is never the one that leaves, and there are never more than the most', () => {
  const step = fc.record({
    what: fc.constantFrom('enter', 'begin', 'end', 'close'),
    who: fc.nat(30),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const room = new ConnectionRoom<Guest & { close(): void }>(5)
      const guests: { readonly close: () => void }[] = []
      const inside = new Set<number>()
      for (const { what, who } of steps) {
        if (what === 'enter') {
          const number = guests.length
          let closed = (): void => undefined
          const guest = {
            once: (_event: 'close', listener: () => void) => void (closed = listener),
            destroy: () => void inside.delete(number),
            close: () => {
              inside.delete(number)
              closed()
            },
          }
          guests.push(guest)
          inside.add(number)
          room.enter(guest)
          expect(inside.has(number)).toBe(true)
          expect(inside.size).toBeLessThanOrEqual(5)
        } else {
          const guest = guests[who] as (Guest & { close(): void }) | undefined
          if (guest === undefined) continue
          if (what === 'begin') room.begin(guest)
          else if (what === 'end') room.end(guest)
          else guest.close()
        }
      }
    }),
  )
})
