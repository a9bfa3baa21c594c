import { expect, test } from 'vitest'
import { simulate, type Trace } from '../../src/simulate/index.ts'
import { board } from './board.ts'
import { booking } from './booking.ts'

// Smallest schedules that once failed.

test('[ID22] a checkpoint took the place of another one between two reads, and the parts behind were taken for damaged', async () => {
  const trace: Trace = {
    seed: 1071041,
    decisions: {
      'storage of browser 1/tab 2': [0, 0, 3],
      'storage of browser 1/tab 3': [0, 0, 0, 7, 0, 0, 7, 0, 0, 3],
      'step 0': [7969, 3, 0, 1],
      'step 1': [2023, 4],
      'step 5': [8437],
      'step 7': [4612, 0, 0, 1],
      'last words of browser 1/tab 3': [1],
      'step 8': [7896],
    },
    rest: 'calm',
  }
  const simulation = simulate({ app: board, tabs: [3], steps: 10 })
  expect((await simulation.replay(trace)).events).toBeGreaterThan(0)
})

test('[ID22] the same while a record is read by itself: two tabs at one basis read other things', async () => {
  const trace: Trace = {
    seed: 4071127,
    decisions: {
      'step 2': [7757],
      'step 3': [8386],
      'step 5': [8488, 6],
      'wire up browser 1': [0, 0, 0, 0, 0, 0, 6, 4],
      'wire down browser 1': [0, 0, 0, 0, 0, 6, 0, 7],
      'step 8': [4872, 5, 0, 0, 0, 0, 1, 0, 1],
      'storage of browser 1/tab 1/4': [0, 0, 0, 0, 0, 0, 6, 0, 0, 7],
      'storage of browser 1/tab 2/5': [0, 0, 7, 0, 0, 0, 0, 0, 6],
      'storage of browser 1/tab 3/6': [0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 7, 5],
      'news to browser 1/tab 2/5': [0, 0, 0, 0, 0, 0, 0, 7],
    },
    rest: 'calm',
  }
  const simulation = simulate({ app: board, tabs: [3], steps: 10 })
  expect((await simulation.replay(trace)).events).toBeGreaterThan(0)
})

test('[ST36] a tab that could not take up a checkpoint went on with what comes behind it', async () => {
  const trace: Trace = {
    seed: 2871052,
    decisions: {
      'step 0': [4573, 0, 0, 2],
      'news to browser 1/tab 1': [0, 0, 0, 0, 7],
      'step 2': [6179],
      'step 10': [2147, 0, 0, 1],
      'step 11': [4809, 7],
      'step 18': [8432, 0, 1],
      'step 31': [8988, 0, 1],
      'step 33': [6798, 7],
    },
    rest: 'calm',
  }
  const simulation = simulate({ app: board, tabs: [2, 1, 1], steps: 40 })
  expect((await simulation.replay(trace)).events).toBeGreaterThan(0)
})

test('[ST14] a transaction whose turn came when its tab had closed kept the turn from all others', async () => {
  const trace: Trace = {
    seed: 2671159,
    decisions: {
      'storage of browser 1/tab 1': [0, 0, 0, 0, 0, 0, 0, 7],
      'step 1': [8601, 3],
      'locks of browser 1/tab 1': [0, 0, 0, 0, 0, 0, 0, 3],
      'step 2': [8613, 0, 1],
      'step 3': [7082],
      'step 4': [8486, 6],
    },
    rest: 'calm',
  }
  const simulation = simulate({ app: booking, tabs: [2], steps: 6 })
  expect((await simulation.replay(trace)).events).toBeGreaterThan(0)
})

test('[ST25] a tab that did not run the link did not notice that the relay lost what no disk had', async () => {
  const trace: Trace = {
    seed: 1173048,
    decisions: {
      'storage of browser 1/tab 1': [0, 2],
      'step 9': [4364],
      'step 23': [8888],
      'step 26': [3494, 6, 0, 1],
      'step 32': [2265],
      'step 33': [4847],
    },
    rest: 'calm',
  }
  const simulation = simulate({ app: board, tabs: [2, 1, 1], steps: 40 })
  expect((await simulation.replay(trace)).events).toBeGreaterThan(0)
})

test('[CP9] a checkpoint brought what a tab had heard of the relay into a log that its fence had kept that out of', async () => {
  const trace: Trace = {
    seed: 1173048,
    decisions: {
      'storage of browser 1/tab 1': [0, 2],
      'wire up browser 1': [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7],
      'step 2': [119, 3],
      'step 3': [7819],
      'step 4': [6859],
      'step 8': [6637, 6, 3],
      'step 9': [4364, 4],
      'step 25': [7874, 0, 1],
      'step 26': [3494, 6, 0, 1],
      'step 32': [2265, 6],
      'step 33': [4847],
      'storage of browser 1/tab 1/3': [0, 0, 0, 0, 0, 0, 0, 7, 7],
    },
    rest: 'calm',
  }
  const simulation = simulate({ app: board, tabs: [2, 1, 1], steps: 40 })
  expect((await simulation.replay(trace)).events).toBeGreaterThan(0)
})

test('[ST25] a tab that had heard more than whoever took over the link, a moment before it lost it, took that for forgotten', async () => {
  const trace: Trace = {
    seed: 974069,
    decisions: {
      'storage of browser 2/tab 1': [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7],
      'step 3': [7798],
      'step 4': [4337, 0, 1, 1],
      'step 5': [7894, 7],
      'step 6': [3604, 0, 1, 0, 1],
      'step 8': [7807, 6],
    },
    rest: 'calm',
  }
  const simulation = simulate({ app: board, tabs: [2, 2], steps: 12 })
  expect((await simulation.replay(trace)).events).toBeGreaterThan(0)
})

test('[ST25] a tab believed one whose connection was dead that the relay had forgotten something', async () => {
  const trace: Trace = {
    seed: 775013,
    decisions: {
      'storage of browser 1/tab 1': [6],
      'step 1': [4536, 0, 0, 1],
      'step 2': [6690, 0, 1],
      'step 5': [3064, 7],
      'step 6': [3467, 0, 0, 1],
      'step 7': [6704, 0, 1],
      'step 8': [5979, 5],
      'reset browser 1': [1],
    },
    rest: 'calm',
  }
  const simulation = simulate({ app: board, tabs: [3], steps: 10 })
  expect((await simulation.replay(trace)).events).toBeGreaterThan(0)
})
