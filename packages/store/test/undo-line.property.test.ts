import { type Arbiter } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createUndoLine, OwnChange, type Place, type UndoLine } from '../src/undo-line.ts'

const act = fc.record({
  kind: fc.constantFrom('step', 'step', 'step', 'undo', 'undo', 'redo', 'skip', 'refuse', 'land', 'land'),
  arbiter: fc.constantFrom<Arbiter>('local', 'local', 'browser', 'relay'),
  group: fc.constantFrom(undefined, 'g', 'g'),
  which: fc.noBias(fc.nat(999)),
})

/** A Change on its way, or there. */
interface Made {
  readonly place: Place
  readonly change: OwnChange
}

function changeOf(place: Place, arbiter: Arbiter): OwnChange {
  const { order } = place
  return new OwnChange({ writer: 'w', seq: order, at: order }, { place, arbiter, size: 1 }, { inverses: () => [] })
}

/** The whole line as text: what would be undone one after the other, and what done again. It is empty after that. */
function looks(line: UndoLine): string {
  const stacks = (['undo', 'redo'] as const).map((direction) => {
    const found: string[] = []
    for (let step = line.next(direction); step !== undefined; step = line.next(direction)) {
      found.push(`${step.arbiter} ${step.changes.map(({ order }) => order).join('+')}`)
      line.skip(step)
    }
    return found
  })
  return JSON.stringify(stacks)
}

test('[UN15] the same Changes give the same stack, whenever each of them comes', () => {
  const counts = { late: 0, shuffled: 0, undone: 0, skipped: 0 }
  fc.assert(
    fc.property(
      fc.array(act, { minLength: 10, maxLength: 40 }),
      fc.infiniteStream(fc.noBias(fc.nat(999))),
      (acts, dice) => {
        const line = createUndoLine()
        const landed: Made[] = []
        const flying: Made[] = []
        /** Of each Change, those that must be there before it: an undo takes only what is. */
        const needs = new Map<number, readonly number[]>()
        let isTaking = false

        function land(made: Made): void {
          line.add(made.change, made.place)
          landed.push(made)
          if (made.place.part !== 'step') isTaking = false
        }

        function begin(place: Place, arbiter: Arbiter, isLate: boolean): void {
          needs.set(place.order, [...place.taken, ...place.gone])
          const made = { place, change: changeOf(place, arbiter) }
          if (isLate) flying.push(made)
          else land(made)
          counts.late += isLate ? 1 : 0
        }

        for (const { kind, arbiter, group, which } of acts) {
          const isLate = arbiter !== 'local' && which % 3 > 0
          if (kind === 'step') begin(line.place(group, arbiter), arbiter, isLate)
          else if (kind === 'land' || kind === 'refuse') {
            const [made] = flying.splice(which % Math.max(1, flying.length), 1)
            if (made !== undefined && kind === 'land') land(made)
            // What is not accepted never comes.
            if (made !== undefined && kind === 'refuse' && made.place.part !== 'step') isTaking = false
          } else if (!isTaking) {
            const direction = kind === 'redo' ? 'redo' : 'undo'
            const step = line.next(direction)
            if (step === undefined) continue
            if (kind === 'skip') {
              line.skip(step)
              counts.skipped += 1
            } else {
              isTaking = true
              counts.undone += 1
              begin(line.placeOf(direction, step), step.arbiter, isLate)
            }
          }
        }
        for (const made of flying.splice(0)) land(made)
        // What was skipped is said by the next Change that is there; before that a line that is made again does not know.
        begin(line.place(undefined, 'local'), 'local', false)

        // The same in another order that could have been in the log.
        const left = [...landed]
        const other: Made[] = []
        while (left.length > 0) {
          const ready = left.filter(({ place }) =>
            needs.get(place.order)!.every((order) => other.some((made) => made.place.order === order)),
          )
          const next = ready[dice.next().value % Math.min(3, ready.length)]!
          if (next !== left[0]) counts.shuffled += 1
          left.splice(left.indexOf(next), 1)
          other.push(next)
        }
        const again = createUndoLine()
        for (const { change, place } of other) again.add(change, place)
        expect(looks(again)).toBe(looks(line))
      },
    ),
    { seed: 3, numRuns: process.env.SYNCLINE_LONG === '1' ? 20_000 : 1_000 },
  )
  expect(counts.late).toBeGreaterThan(1_000)
  expect(counts.shuffled).toBeGreaterThan(1_000)
  expect(counts.undone).toBeGreaterThan(1_000)
  expect(counts.skipped).toBeGreaterThan(100)
})
