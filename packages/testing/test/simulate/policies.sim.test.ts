import { expect, test } from 'vitest'
import { counted } from '../counted.ts'
import { exhaust, type Doing, type Exhausted, type Explored } from '../../src/simulate/index.ts'
import { subjects, type Subject } from './explored-apps.ts'

// Three people who do three things each, and every order in which everybody can hear of the others, for every kind of refs.

const isLong = process.env.SYNCLINE_LONG === '1'

/** The first `apart` things of each are done before anybody has heard of anything, the others at any point. */
function firstApart(does: Subject['does'], apart: number): readonly (readonly Doing[])[] {
  return does.map((names, who) =>
    names.map((name, i) => (i < apart ? { does: name, having: does.map((_, of) => (of === who ? i : 0)) } : name)),
  )
}

async function explored(name: keyof typeof subjects, apart: number, by: Exhausted['by'] = 'state'): Promise<Explored> {
  const { does, images, ...app }: Subject = subjects[name]
  const print = (line: string): void => console.log(`${name}, ${apart} of 3 apart: ${line}`)
  const result = await exhaust({ app, does: apart === 0 ? does : firstApart(does, apart), by, images, print })
  expect(result.complete).toBe(true)
  return result.explored
}

/** How many different states there are, by how much is done apart. */
const states: Record<keyof typeof subjects, readonly [number, number, number, number]> = {
  lww: [155, 65, 19, 10],
  counter: [2917, 510, 94, 64],
  group: [261, 148, 32, 10],
  set: [838, 221, 46, 13],
  list: [39109, 2005, 111, 36],
  record: [4786, 916, 141, 55],
  diff3: [NaN, 127266, 1413, 64],
  text: [4021, 378, 60, 48],
}
const names = Object.keys(subjects) as (keyof typeof subjects)[]

test.each(names)(
  '%s: whoever hears of nine things that were done apart is the same after each of 1680 orders',
  async (name) => {
    const counts = { histories: 64, finished: 1, deliveries: 144, orders: 1680 }
    expect(await explored(name, 3)).toEqual({ ...counts, states: states[name][3] })
  },
)

test.each(names)('%s: so it is in each order by itself, on memories of their own', async (name) => {
  // Each of the three hears of six things of two others.
  expect(await explored(name, 3, 'order')).toMatchObject({ orders: 20 ** 3 })
  counted('orders of Changes', 20 ** 3)
})

test.each(names)('%s: and when the last of three things is done at any point', async (name) => {
  const counts = { histories: 2853, finished: 2160, deliveries: 6111, orders: 1_410_540 }
  expect(await explored(name, 2)).toEqual({ ...counts, states: states[name][2] })
})

// Every history of whole values is a state of its own, as each version names those before it: there is no room for all of them.
const most = names.filter((name) => name !== 'diff3')

test.each(most.filter((name) => isLong || name === 'set'))('%s: and when two of three are', async (name) => {
  const counts = { histories: 179_312, finished: 133_001, deliveries: 338_280, orders: 32_254_776 }
  expect(await explored(name, 1)).toEqual({ ...counts, states: states[name][1] })
})

test.each(most.filter((name) => isLong || name === 'lww'))('%s: and when all three are', async (name) => {
  const counts = { histories: 1_277_177, finished: 900_521, deliveries: 2_295_738, orders: 92_388_774 }
  expect(await explored(name, 0)).toEqual({ ...counts, states: states[name][0] })
})
