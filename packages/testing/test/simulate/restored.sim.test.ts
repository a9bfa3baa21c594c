import { expect, test } from 'vitest'
import { everyFault, simulate, type Faults, type SimulatedApp, type Trace } from '../../src/simulate/index.ts'
import { board } from './board.ts'
import { booking } from './booking.ts'
import { shelves } from './shelves.ts'
import { runSeeds, search, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

const relayRestore = 0.08
/** Some are away, while others go on and write over what the backup has not. */
const away: Partial<Faults> = { relayRestore, relayRestart: 0.04, partition: 0.2, tabCrash: 0.02, halfOpen: 0.02 }

interface Restored {
  readonly name: string
  readonly app: SimulatedApp
  readonly tabs: readonly number[]
  readonly steps: number
  readonly runs: number
  readonly faults: Partial<Faults>
}

test.each<Restored>([
  { name: 'restored', app: board, tabs: [2, 1], steps: 18, runs: 60, faults: { ...everyFault, relayRestore } },
  { name: 'restored-away', app: board, tabs: [1, 1, 1], steps: 20, runs: 50, faults: away },
  {
    name: 'restored-shelves',
    app: shelves,
    tabs: [2, 1],
    steps: 24,
    runs: 40,
    faults: { ...everyFault, relayRestore },
  },
])(
  '[ST47] [RL74] [RL75] [RL76] what the relay has lost is brought back by who has it, nothing is lost or doubled, and all agree ($name)',
  async ({ name, runs: each, ...options }) => {
    const { counts, runs } = await runSeeds(options, name, seeds(each))
    expect(counts['relayRestore']).toBeGreaterThan(runs / 4)
    expect(counts['relay lost everything']).toBeGreaterThan(runs / 20)
    expect(counts['joined']).toBeGreaterThan(runs / 4)
  },
  SEEDS_TIMEOUT_MS,
)

test(
  '[ST25] where the relay takes nothing back, who knows more than an old backup of it notices it and keeps it, and all others agree',
  async () => {
    const faults = { ...everyFault, relayRestore }
    const options = { app: booking, tabs: [2, 1], steps: 20, faults, relay: { limits: { maxJoinBytes: 1 } } }
    const { counts, runs } = await runSeeds(options, 'restored-kept', seeds(30))
    expect(counts['relayRestore']).toBeGreaterThan(runs / 4)
    expect(counts['cut off']).toBeGreaterThan(runs / 8)
  },
  SEEDS_TIMEOUT_MS,
)

const { draft: _draft, name: _name, ...asked } = booking.actions
/** Most of what people do here the relay decides about. */
const undecided: SimulatedApp = { ...booking, actions: asked }

test.each<Restored & { readonly least: number }>([
  {
    name: 'restored-booking',
    app: booking,
    tabs: [2, 1],
    steps: 24,
    runs: 60,
    faults: { ...everyFault, relayRestore },
    // Few have decided about anything while some were away.
    least: -1,
  },
  { name: 'restored-booking-away', least: 0.05, app: undecided, tabs: [1, 1, 1], steps: 40, runs: 60, faults: away },
])(
  '[ST53] [RL77] [RL78] what the relay had decided and lost waits for the operator, then all go on from what was adopted: no seat is sold twice, nothing else is lost, and all agree ($name)',
  async ({ name, least, runs: each, ...options }) => {
    const { counts, runs } = await runSeeds(options, name, seeds(each))
    expect(counts['relayRestore']).toBeGreaterThan(runs / 4)
    expect(counts['adopted: brought back']).toBeGreaterThan(runs / 20)
    expect(counts['adopted: log']).toBeGreaterThan(runs / 20)
    expect(counts['declined unadopted']).toBeGreaterThan(runs / 20)
    expect(counts['taken back']).toBeGreaterThan(least * runs)
  },
  SEEDS_TIMEOUT_MS,
)

const onSlowDisks = { ...everyFault, relayRestore, storageDelay: 0.1 }

test(
  '[ST47] [RL76] the same on slow disks, where tabs hear of a relay that has lost something before they have read what the others know of it',
  async () => {
    const options = { app: board, tabs: [2, 1], steps: 18, faults: onSlowDisks }
    const { counts, runs } = await runSeeds(options, 'restored-slow-disks', seeds(60))
    expect(counts['relayRestore']).toBeGreaterThan(runs / 4)
    expect(counts['storageDelay']).toBeGreaterThan(runs)
    expect(counts['joined']).toBeGreaterThan(runs / 8)
  },
  SEEDS_TIMEOUT_MS,
)

test.each([50128, 50140, 50424])(
  '[ST47] seed %i: what is brought back to a relay says nothing of what that had refused (mended 2026-11)',
  async (seed) => {
    const { counts } = await simulate({ app: board, tabs: [2, 1], steps: 18, faults: onSlowDisks }).run(seed)
    expect(counts['relayRestore']).toBeGreaterThan(0)
  },
)

test.each([
  { seed: 50171, app: board, tabs: [2, 1, 1], steps: 40 },
  { seed: 50168, app: board, tabs: [2, 1, 1], steps: 40 },
  { seed: 50025, app: booking, tabs: [3, 1], steps: 30 },
])(
  '[ST47] [ST48] seed $seed: tabs on slow disks go over to the log of a relay that came back (mended 2026-11)',
  async (it) => {
    const { seed, ...options } = it
    const { counts } = await simulate({ ...options, faults: { ...everyFault, storageDelay: 0.1 } }).run(seed)
    expect(counts['actions']).toBeGreaterThan(0)
  },
)

test('[ST47] [ST48] seed 1405, made smaller: a tab that has read of the log of a relay that came back, from a sibling whose disk was full, goes over to it with the others (mended 2026-11)', async () => {
  const decisions = {
    'storage of browser 1/tab 1': [7],
    'step 2': [9923, 0, 2],
    'step 3': [8763],
    'step 4': [8974, 7],
    'wire down browser 1': [0, 0, 0, 0, 0, 0, 0, 0, 0, 11],
    'step 5': [7124],
    'step 6': [7412],
    'step 7': [5719],
    'step 8': [9478],
    'step 12': [4550, 5],
    'step 25': [5608],
    'step 28': [4848],
    'step 36': [9539, 7],
  }
  const simulation = simulate({ app: board, tabs: [3, 1], faults: everyFault, shrinking: 0 })
  const { counts } = await simulation.replay({ seed: 1405, decisions, rest: 'calm' })
  expect(counts['relayRestore']).toBe(1)
})

test('[ST48] seed 320: a tab that had gone over to what it had brought back itself, and stood still, goes over to the next that others have (mended 2026-11)', async () => {
  const harder = { ...everyFault, ...away, compaction: 1, damage: 0, refusal: 0, relayRestore: 0.1 }
  const { counts } = await simulate({ app: undecided, tabs: [2, 2], steps: 40, faults: harder, ...search }).run(320)
  expect(counts['joined']).toBeGreaterThan(0)
})

test('[ST47] [RL76] seed 197855914838: who was away while the relay was restarted, before it lost what it had, is not shut out (mended 2026-11)', async () => {
  const { counts } = await simulate({ app: board, tabs: [1, 1, 1], steps: 20, faults: away }).run(197855914838)
  expect(counts).toMatchObject({ relayRestore: 1, relayRestart: expect.any(Number) })
})

/** A trace says what happens whatever other schedules become of the same seed. */
interface Traced {
  readonly seed: number
  readonly why: string
  readonly decisions: Trace['decisions']
}

const more = simulate({ app: board, tabs: [3, 1], faults: { ...everyFault, relayRestore: 0.03 }, shrinking: 0 })

const mended: readonly (Traced & { readonly rule: string })[] = [
  {
    rule: 'ST48',
    seed: 1405,
    why: 'a tab that others of its browser have gone past, with less than it has, asks the relay where it is to go on, and so does one that is opened on what it has left',
    decisions: {
      'storage of browser 1/tab 3': [2],
      'step 2': [9923],
      'step 4': [8974, 7],
      'wire down browser 1': [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4],
      'step 5': [7124],
      'step 7': [5719],
      'step 8': [9478],
      'step 10': [7266],
      'step 12': [4550],
      'step 13': [5341, 0, 1],
      'step 14': [5709],
      'step 17': [9490, 0, 2],
      'reset browser 1': [0, 1],
      'step 24': [6831, 6, 1],
      'step 26': [7932, 0, 2],
      'step 28': [4848, 4, 2, 3],
      'step 36': [9539, 7],
      'step 37': [2736],
    },
  },
  {
    rule: 'ST47',
    seed: 7_002_560,
    why: 'what a tab has heard to be accepted stands for it, whatever a relay that has lost it says of it to another tab',
    decisions: {
      'storage of browser 1/tab 1': [0, 7, 0, 0, 0, 0, 0, 7],
      'storage of browser 1/tab 3': [0, 0, 7],
      'step 0': [1788, 4, 0, 0, 7],
      'wire up browser 1': [0, 0, 0, 0, 0, 5, 0, 4],
      'step 2': [1453, 4, 0, 2],
      'wire down browser 1': [0, 0, 0, 0, 6, 5, 7],
      'step 4': [8940, 7],
      'step 6': [1760, 6, 1],
      'step 7': [4329],
      'step 8': [4845],
      'reset browser 1': [1],
      'step 9': [7117, 0, 1],
      'step 15': [4172, 0, 0, 6],
    },
  },
  {
    rule: 'ST47',
    seed: 7_002_324,
    why: 'what was refused after the relay had lost it, and comes back with what somebody joins, is among the refused no more',
    decisions: {
      'step 4': [9910],
      'step 5': [5158],
      refusal: [0, 0, 0, 1],
      'step 8': [8866],
      'step 11': [2564, 6],
      'power of browser 1': [2],
      'step 18': [5031],
    },
  },
  {
    rule: 'ST48',
    seed: 7_003_848,
    why: 'who has gone over to another log reads on over a checkpoint from before that',
    decisions: {
      'step 10': [8175, 0, 1],
      'step 14': [6682, 0, 0, 754],
      'step 20': [5893],
      'step 22': [8804, 0, 2],
      'step 28': [5038, 4],
      'step 36': [5107, 6, 1, 0, 1, 2, 3],
    },
  },
  {
    rule: 'ST48',
    seed: 7_002_693,
    why: 'what stands before a join in the same run of the relay is no other log',
    decisions: {
      'step 0': [5811, 7],
      'delay up browser 1': [0, 1],
      'wire up browser 1': [0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 4],
      'step 6': [4346, 0, 0, 3],
      'step 13': [8958],
      'step 14': [355],
      'step 18': [3384, 0, 2],
      'step 20': [4299, 7],
      'step 21': [4878],
      'reset browser 1': [0, 1],
      'step 22': [1200, 4, 0, 1],
      'step 24': [4398, 4],
      'step 25': [523, 4, 1],
      'step 26': [2097, 7, 1],
      'step 27': [5786, 0, 1],
    },
  },
  {
    rule: 'ST48',
    seed: 8_002_565,
    why: 'who has gone over to what was joined last does not go back to what was joined before it in the same run of the relay',
    decisions: {
      'reset browser 1': [1],
      'step 8': [8481],
      'step 13': [1958, 6, 0, 2, 2, 4],
      'step 14': [4350, 0, 0, 3],
      'step 17': [8201, 0, 2],
      'step 19': [4525, 7],
      'step 30': [3508, 0, 0, 1],
      'step 31': [4801, 0, 1, 1],
      'step 33': [7682, 7],
    },
  },
]

for (const { rule, seed, why, decisions } of mended) {
  test(`[${rule}] seed ${seed} of more restorations, made smaller: ${why} (mended 2026-11)`, async () => {
    const { counts } = await more.replay({ seed, decisions, rest: 'calm' })
    expect(counts['relayRestore']).toBe(1)
  })
}

const twice: readonly Traced[] = [
  {
    seed: 2499,
    why: 'its author has lost what came before it',
    decisions: {
      'step 2': [9883],
      'step 5': [7731],
      'step 10': [4972, 4],
      'step 11': [5107, 0, 0, 0, 0, 0, 1],
      'step 13': [4905],
    },
  },
  {
    seed: 4000058,
    why: 'it was stamped by a clock that was ahead, so it is taken back when that of the relay is there',
    decisions: {
      'storage of browser 1/tab 1': [0, 0, 0, 7, 0, 3],
      'storage of browser 1/tab 2': [0, 0, 0, 7, 0, 7, 0, 0, 7],
      'storage of browser 1/tab 3': [3],
      'step 0': [1942, 7, 0, 0, 6],
      'wire up browser 1': [0, 0, 0, 0, 0, 7, 5, 3],
      'wire down browser 1': [0, 0, 0, 5, 0, 4],
      'disk of relay': [0, 4, 4],
      'step 1': [7634],
      'step 2': [1210, 0, 0, 2],
      'step 3': [25, 6],
      'step 15': [4953],
      'step 17': [4280, 0, 0, 8],
    },
  },
]

test.each(twice)(
  '[ST47] seed $seed, made smaller: what the relay had, lost and refused when it came again may be there twice when it is brought back, and all agree ($why)',
  async ({ seed, decisions }) => {
    const { counts } = await more.replay({ seed, decisions, rest: 'calm' })
    expect(counts['relayRestore']).toBe(1)
    expect(counts['joined']).toBeGreaterThan(0)
  },
)
