import { memoryStorage, openStore } from '@syncline/store'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openText, text } from '../src/index.ts'
import { carriedOver } from '../src/text-merge.ts'
import { note, set, Site } from './world.ts'

function merged(base: string, mine: string, now: string): string {
  let after = now
  for (const { index, removed, inserted } of carriedOver(base, mine, now))
    after = after.slice(0, index) + inserted + after.slice(index + removed)
  return after
}

test('[TE16] what was changed in a whole text is done to what is there now', () => {
  const base = 'One apple, two pears and a plum.'
  for (const [mine, now, expected] of [
    [base, 'Something else', 'Something else'],
    ['One apple and a plum.', base, 'One apple and a plum.'],
    [
      'One apple, two pears and a plum. Done.',
      'Buy: One apple, two pears and a plum.',
      'Buy: One apple, two pears and a plum. Done.',
    ],
    ['One apple and a plum.', 'One apple, two ripe pears and a plum.', 'One appleripe  and a plum.'],
    ['One apple, six pears and a plum.', 'One apple and a plum.', 'One applesix and a plum.'],
    // Both did the same: it is done once.
    ['One apple, two pears.', 'One apple, two pears.', 'One apple, two pears.'],
    ['An apple, two pears and a plum.', 'An apple, two pears and a plum!', 'An apple, two pears and a plum!'],
    // At the end behind what others put there, at the beginning before it.
    [`${base} Mine.`, `${base} Theirs.`, `${base} Theirs. Mine.`],
    [`Mine. ${base}`, `Theirs. ${base}`, `Mine. Theirs. ${base}`],
    ['', 'One apple, two pears, three figs and a plum.', ', three figs'],
    [`👍${base}`, `👎${base}`, `👍👎${base}`],
  ] as const) {
    expect([mine, now, merged(base, mine, now)]).toEqual([mine, now, expected])
  }
  expect(merged('', 'mine', 'theirs')).toBe('theirsmine')
  expect(merged('👍', '👎', '👍👍')).toBe('👍👎')
})

test('[MG1] [MG2] [TE16] in a transaction it is the smallest edit, and merges with what others type', async () => {
  const storage = memoryStorage()
  const store = await openStore({ space: 'notes', storage })
  const ref = text('note')
  store.transact((tx) => tx.set(ref, 'salt, flour, water'))
  const had = store.get(ref)
  const opened = openText(store, ref)
  opened.text.insert(had.length, ', yeast')
  const { change } = store.transact((tx) => tx.merge(ref, had, 'salt, rye, water'))
  expect(store.get(ref)).toBe('salt, rye, water, yeast')
  expect((change!.ops[0]!.payload as Uint8Array).length).toBeLessThan(40)
  expect(store.transact((tx) => tx.merge(ref, had, had)).change).toBe(undefined)
  expect(store.transact((tx) => tx.merge(ref, had, 'salt, rye, water')).change).toBe(undefined)
  expect(store.get(ref)).toBe('salt, rye, water, yeast')
  store.undo()
  expect(store.get(ref)).toBe('salt, flour, water, yeast')
  expect(() => store.transact((tx) => tx.merge(ref, had, 'half \ud83d'))).toThrow('half of a surrogate pair')
  // @ts-expect-error A text takes strings.
  expect(() => store.transact((tx) => tx.merge(ref, had, 5))).toThrow('takes a string, not number')
  opened.close()
  await store.close()
})

/** What is to come of it, one character after the other: every character of the three texts is another one. */
function mergedNaively(base: string, mine: string, now: string): string {
  const units = now.split('')
  const isLeft = (unit: string): boolean => now.includes(unit)
  let behind: string | undefined
  let inserted = ''
  /** By the character that they stand behind. */
  const runs: { readonly behind: string | undefined; readonly text: string; readonly isLast: boolean }[] = []
  const end = (isLast: boolean): void => {
    if (inserted !== '') runs.push({ behind, text: inserted, isLast })
    inserted = ''
  }
  for (const unit of mine) {
    if (!base.includes(unit)) inserted += unit
    else {
      end(false)
      behind = unit
    }
  }
  end(true)
  const placed = runs.map(({ behind: anchor, text: run, isLast }) => {
    if (isLast) return { at: units.length, run }
    let at = anchor === undefined ? -1 : base.indexOf(anchor)
    while (at >= 0 && !isLeft(base[at]!)) at -= 1
    return { at: at < 0 ? 0 : now.indexOf(base[at]!) + 1, run }
  })
  const out: string[] = []
  for (let at = 0; at <= units.length; at++) {
    for (const { at: place, run } of placed) if (place === at) out.push(run)
    const unit = units[at]
    if (unit !== undefined && !(base.includes(unit) && !mine.includes(unit))) out.push(unit)
  }
  return out.join('')
}

const edits = fc.array(fc.tuple(fc.nat(), fc.nat(4), fc.nat(3)), { maxLength: 6 })

test('[TE16] held against a merge of single characters, whatever both sides did', () => {
  let next = 0
  let both = 0
  const fresh = (length: number): string =>
    Array.from({ length }, () => String.fromCharCode(0x4e00 + (next++ % 0x5000))).join('')
  const edited = (from: string, list: readonly (readonly [number, number, number])[]): string => {
    let after = from
    for (const [at, removed, inserted] of list) {
      const index = at % (after.length + 1)
      after = after.slice(0, index) + fresh(inserted) + after.slice(index + removed)
    }
    return after
  }
  fc.assert(
    fc.property(fc.nat(30), edits, edits, (length, ours, theirs) => {
      const base = fresh(length)
      const [mine, now] = [edited(base, ours), edited(base, theirs)]
      if (mine !== base && now !== base) both += 1
      expect(merged(base, mine, now)).toBe(mergedNaively(base, mine, now))
      expect(merged(base, mine, base)).toBe(mine)
    }),
  )
  expect(both).toBeGreaterThan(50)
})

test('[TE16] of any texts it gives mine in place of the base, cuts no character in two, and says what the document then says', () => {
  const words = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', '👍', '👎', '\u{1f44b}', 'ä'), maxLength: 40 })
  fc.assert(
    fc.property(words, words, words, (base, mine, now) => {
      expect(merged(base, mine, base)).toBe(mine)
      expect(merged(base, mine, now)).not.toMatch(/\p{Surrogate}/u)
      const site = new Site()
      site.transact(note, set(now), { kind: 'merge', base, mine })
      expect([site.read(note), site.replayed(note), site.reports]).toEqual([
        merged(base, mine, now),
        merged(base, mine, now),
        [],
      ])
    }),
  )
})

test('[TE16] long texts with little in common are compared by lines, and what differs inside of a line by characters', () => {
  const line = (i: number): string => `${i} ${Math.sin(i)} some words\n`
  const base = Array.from({ length: 3000 }, (_, i) => line(i)).join('')
  const mine = Array.from({ length: 3000 }, (_, i) =>
    i % 50 === 7 ? `${i} ${Math.sin(i)} other words\n` : line(i),
  ).join('')
  const now = Array.from({ length: 3000 }, (_, i) => (i % 70 === 9 ? '' : line(i))).join('')
  const result = merged(base, mine, now)
  expect(result.split('\n').filter((one) => one.includes('other words')).length).toBe(60)
  expect(merged(base, mine, base)).toBe(mine)
  const strange = Array.from({ length: 60_000 }, (_, i) => String.fromCharCode(33 + ((i * i * 7919) % 90))).join('')
  expect(merged(base, strange, base)).toBe(strange)
})
