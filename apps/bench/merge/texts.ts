/** Three texts to merge. */
export interface Texts {
  readonly base: string
  readonly mine: string
  readonly theirs: string
}

/** What is merged, by name. All of it is made here, the same each time. */
export const workloads: { readonly [name: string]: () => Texts } = {
  '2,000 lines of code, 10 edits on each side': () => code(2_000, 10),
  '20,000 lines of code, 100 edits on each side': () => code(20_000, 100),
  '200,000 lines of code, 1,000 edits on each side': () => code(200_000, 1_000),
  '200,000 equal lines, one edit on each side': () => {
    const base = Array<string>(200_000).fill('same')
    return texts(base, base.with(50_000, 'mine'), base.with(150_000, 'theirs'))
  },
  '20,000 lines, all of them others on one side': () => {
    const base = lines(20_000, (i) => `base ${i}`)
    return texts(
      base,
      lines(20_000, (i) => `mine ${i}`),
      base.with(10_000, 'theirs'),
    )
  },
  '20,000 lines, every second one empty, all others new on one side': () => {
    const of = (name: string): string[] => lines(20_000, (i) => (i % 2 === 0 ? '' : `${name} ${i}`))
    return texts(of('base'), of('mine'), of('base').with(9_999, 'theirs'))
  },
  '20,000 lines out of twenty, in no order': () => {
    const of = (seed: number): string[] => {
      const dice = createDice(seed)
      return lines(20_000, () => `line ${dice(20)}`)
    }
    return texts(of(1), of(2), of(1).with(10_000, 'theirs'))
  },
}

function code(length: number, edits: number): Texts {
  const dice = createDice(length)
  const line = (): string =>
    ['', '}', '  return', `  call(${dice(50)})`, `  const a${dice(5000)} = b${dice(5000)}`][dice(5)]!
  const base = lines(length, line)
  const edited = (): string[] => {
    const text = [...base]
    // From the end on, so that an edit moves none that is to come.
    const places = lines(edits, () => '')
      .map(() => dice(length))
      .sort((a, b) => b - a)
    for (const place of places) text.splice(place, dice(4), ...lines(dice(4), line))
    return text
  }
  return texts(base, edited(), edited())
}

function texts(base: readonly string[], mine: readonly string[], theirs: readonly string[]): Texts {
  const text = (all: readonly string[]): string => all.map((each) => `${each}\n`).join('')
  return { base: text(base), mine: text(mine), theirs: text(theirs) }
}

function lines(length: number, line: (i: number) => string): string[] {
  return Array.from({ length }, (_, i) => line(i))
}

function createDice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}
