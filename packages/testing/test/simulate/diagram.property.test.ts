import fc from 'fast-check'
import { expect, test } from 'vitest'
import { drawMermaid, drawText, shrinkList, type Drawing, type Mark } from '../../src/simulate/index.ts'
import { shrinkListSlowly } from '../../src/simulate/shrink.ts'

const drawings: fc.Arbitrary<Drawing> = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 9, unit: 'grapheme-ascii' }), { minLength: 1, maxLength: 5 })
  .chain((parties) => {
    const party = fc.constantFrom(...parties)
    const label = fc.string({
      maxLength: 60,
      unit: fc.constantFrom(...Array.from('ab :;#"<>&%\n{}é→'), 'end', '\u2028'),
    })
    const mark: fc.Arbitrary<Mark> = fc.oneof(
      fc.record({ kind: fc.constant('message' as const), from: party, to: party, label, isLost: fc.boolean() }),
      fc.record({ kind: fc.constant('act' as const), at: party, label }),
      fc.record({ kind: fc.constant('fault' as const), at: party, label }),
      fc.record({ kind: fc.constant('divider' as const), label }),
    )
    return fc.record({ parties: fc.constant(parties), marks: fc.array(mark, { maxLength: 20 }) })
  })

// What Mermaid takes (its grammar sequenceDiagram.jison), as far as we write it: text ends at a line's end, at a semicolon that ends no code,
// and at a number sign that begins none.
const TEXT = String.raw`(?:[^;#\n\r<>&%{}"]|#\d+;)+`
const LINES = [
  new RegExp(`^  participant p\\d+ as ${TEXT}$`, 'u'),
  new RegExp(`^  p\\d+(?:->>|-x)p\\d+: ${TEXT}$`, 'u'),
  new RegExp(`^  Note over p\\d+(?:,p\\d+)?: ${TEXT}$`, 'u'),
]

test('what is drawn for Mermaid keeps to its grammar, whatever labels say, and names nobody who is not there', () => {
  let lines = 0
  fc.assert(
    fc.property(drawings, (drawing) => {
      const [head, ...rest] = drawMermaid(drawing).split('\n')
      expect(head).toBe('sequenceDiagram')
      expect(rest).toHaveLength(drawing.parties.length + drawing.marks.length)
      expect(rest.filter((line) => !LINES.some((pattern) => pattern.test(line)))).toEqual([])
      for (const line of rest) {
        for (const [, number] of line.replace(/: .*| as .*/u, '').matchAll(/p(\d+)/g)) {
          expect(Number(number)).toBeLessThan(drawing.parties.length)
        }
        lines += 1
      }
    }),
  )
  expect(lines).toBeGreaterThan(1_000)
})

test('the diagram for the terminal has a line for each mark, and everybody has a column', () => {
  fc.assert(
    fc.property(drawings, (drawing) => {
      const [, second, ...lines] = drawText(drawing).split('\n')
      expect(lines).toHaveLength(drawing.marks.length)
      expect(second!.replaceAll(' ', '')).toBe('│'.repeat(drawing.parties.length))
      const columns = Array.from(second!).flatMap((unit, at) => (unit === '│' ? [at] : []))
      drawing.marks.forEach((mark, i) => {
        const units = Array.from(lines[i]!)
        const places = partiesOf(mark).map((party) => columns[drawing.parties.indexOf(party)]!)
        expect(places.map((place) => units[place])).toEqual(signsOf(mark, places[0]! < places[1]!))
      })
    }),
  )
})

/** Whose columns a mark stands in. */
function partiesOf(mark: Mark): readonly string[] {
  if (mark.kind === 'divider') return []
  return mark.kind === 'message' ? [mark.from, mark.to] : [mark.at]
}

/** What stands in these columns. */
function signsOf(mark: Mark, isToTheRight: boolean): readonly string[] {
  if (mark.kind === 'divider') return []
  if (mark.kind !== 'message') return [mark.kind === 'fault' ? '✕' : '●']
  const sign = mark.isLost === true ? '✕' : '●'
  if (mark.from === mark.to) return [sign, sign]
  return [isToTheRight ? '├' : '┤', '│']
}

/** Fails when it has all of these, in this order. */
const failsWith =
  (needed: readonly number[]) =>
  (items: readonly number[]): boolean => {
    let at = 0
    for (const item of items) if (item === needed[at]) at++
    return at === needed.length
  }

test('what was shrunk still fails, is not larger, is least, and is the same each time', async () => {
  let shrunkSomething = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(9), { maxLength: 40 }),
      fc.array(fc.nat(9), { maxLength: 4 }),
      async (items, needed) => {
        const fails = failsWith(needed)
        fc.pre(fails(items))
        const shrunk = shrinkList(items, fails)
        expect(fails(shrunk.items)).toBe(true)
        expect(shrunk.isLeast).toBe(true)
        expect(shrunk.items).toEqual(needed)
        expect(shrinkList(items, fails)).toEqual(shrunk)
        expect(await shrinkListSlowly(items, async (some) => fails(some))).toEqual(shrunk)
        if (shrunk.items.length < items.length) shrunkSomething += 1
        // What is cut short still fails, and says that it may not be least.
        const cut = shrinkList(items, fails, 2)
        expect(fails(cut.items)).toBe(true)
        expect(cut.runs).toBeLessThanOrEqual(2)
      },
    ),
  )
  expect(shrunkSomething).toBeGreaterThan(30)
})
