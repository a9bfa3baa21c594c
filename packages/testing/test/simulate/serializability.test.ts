import { memoryStorage, openStore, type Store } from '@syncline/store'
import { counter } from '@syncline/merge'
import { expect, test } from 'vitest'
import type { History, Transaction } from '../../src/index.ts'
import { simulate } from '../../src/simulate/index.ts'
import type { ActionChance } from '../../src/simulate/app.ts'
import { serialized } from '../../src/simulate/checks/serializable.ts'
import { createLedger, type Deed } from '../../src/simulate/ledger.ts'
import { createTranscript, pastOfLoss, type Transcript } from '../../src/simulate/transcript.ts'

// The check can fail: it is given what no arbiter should let through.

let now = 0
const done = (process: string, ...ops: Transaction['ops']): Transaction => ({
  process,
  invoked: ++now,
  completed: ++now,
  outcome: 'ok',
  ops,
})

test.each<[string, History, string]>([
  [
    'an update that is lost',
    [
      done('book 1', ['read', 'a', []], ['append', 'a', '1']),
      done('book 2', ['read', 'a', []], ['append', 'a', '2']),
      done('in the end', ['read', 'a', ['1', '2']]),
    ],
    '(lost-update)',
  ],
  [
    'what was acknowledged and is gone',
    [done('book 1', ['read', 'a', []], ['append', 'a', '1']), done('in the end', ['read', 'a', []])],
    'without the 1',
  ],
  [
    'what was declined and is there',
    [
      { ...done('book 1', ['read', 'a', []], ['append', 'a', '1']), outcome: 'fail' },
      done('in the end', ['read', 'a', ['1']]),
    ],
    '(G1a)',
  ],
  [
    'two that each missed what the other wrote',
    [
      { ...done('book 1', ['read', 'a', []], ['read', 'b', []], ['append', 'a', '1']), completed: 1000 },
      { ...done('book 2', ['read', 'a', []], ['read', 'b', []], ['append', 'b', '2']), completed: 1000 },
      { ...done('in the end', ['read', 'a', ['1']], ['read', 'b', ['2']]), invoked: 1001, completed: 1002 },
    ],
    '(G2)',
  ],
])('%s is no serial order', (_, history, words) => {
  const { failure } = serialized('browser 1', history)
  expect(failure?.check).toBe('serializability')
  expect(failure?.message).toContain('What browser 1 decided about could not have been one after the other')
  expect(failure?.message).toContain(words)
})

test('one after the other is fine, and where nothing depends on anything nothing is said', () => {
  const history = [
    done('book 1', ['read', 'a', []], ['append', 'a', '1']),
    done('book 2', ['read', 'a', ['1']], ['append', 'a', '2']),
    done('in the end', ['read', 'a', ['1', '2']]),
  ]
  expect(serialized('the relay', history)).toMatchObject({ failure: undefined, dependencies: 3 })
  expect(serialized('the relay', [done('in the end', ['read', 'a', []])])).toEqual({
    failure: undefined,
    dependencies: 0,
  })
})

/** Works on lists, always the same. */
const chance: ActionChance = {
  below: (count) => 1 % count,
  pick: (of) => of[0]!,
  happens: () => false,
  unique: () => '1',
}

async function decideTwice(store: Store, transcript: Transcript): Promise<readonly Deed[]> {
  const ledger = createLedger()
  for (let i = 0; i < 2; i++) {
    const testimony = transcript.begin('browser', ledger.begin('browser 1/tab 1', 'browser 1', 'draft'))
    await store.transactAsync<void, 'browser'>((tx) => testimony.onBrowser(tx, chance, () => undefined), {
      arbiter: 'browser',
    })
    testimony.ok()
  }
  return ledger.deeds
}

test('what a loss of power may have taken raises no alarm, and anything else does', async () => {
  const store = await openStore({ space: 'here', storage: memoryStorage() })
  const empty = await openStore({ space: 'there', storage: memoryStorage() })
  const by = { browser: 'browser 1' }
  const transcript = createTranscript()
  const deeds = await decideTwice(store, transcript)
  expect(serialized('browser 1', transcript.history(by, store.snapshot))).toMatchObject({ failure: undefined })

  const lost = createTranscript()
  const [first, second] = await decideTwice(empty, lost)
  const nothing = await openStore({ space: 'nowhere', storage: memoryStorage() })
  second!.mayBeLost = true
  expect(serialized('browser 1', lost.history(by, nothing.snapshot)).failure?.check).toBe('serializability')
  first!.mayBeLost = true
  expect(serialized('browser 1', lost.history(by, nothing.snapshot)).failure).toBeUndefined()
  // What was not lost after all counts, as it was read.
  for (const deed of deeds) deed.mayBeLost = true
  const kept = serialized('browser 1', transcript.history(by, store.snapshot))
  expect(kept.failure).toBeUndefined()
  expect(kept.dependencies).toBeGreaterThan(0)
  await Promise.all([store.close(), empty.close(), nothing.close()])
})

test('what was seen in the end, before a loss of power, may have been lost too', async () => {
  const store = await openStore({ space: 'here', storage: memoryStorage() })
  const nothing = await openStore({ space: 'nowhere', storage: memoryStorage() })
  const by = { browser: 'browser 1' }
  const transcript = createTranscript()
  const deeds = await decideTwice(store, transcript)
  expect(serialized('browser 1', transcript.history(by, store.snapshot)).failure).toBeUndefined()
  const lost = deeds.map((deed) => ({ ...deed, mayBeLost: true }))
  const seen = createTranscript(transcript.past(), lost)
  expect(serialized('browser 1', seen.history(by, nothing.snapshot)).failure?.check).toBe('serializability')
  const ofLoss = createTranscript(pastOfLoss(transcript.past(), 'browser 1'), lost)
  expect(serialized('browser 1', ofLoss.history(by, nothing.snapshot)).failure).toBeUndefined()
  // Of another browser nothing was.
  const ofOther = createTranscript(pastOfLoss(transcript.past(), 'browser 2'), lost)
  expect(serialized('browser 1', ofOther.history(by, nothing.snapshot)).failure?.check).toBe('serializability')
  await Promise.all([store.close(), nothing.close()])
})

const votes = counter('votes')

test('a run in which nobody does anything is an error, unless there was nothing to do', async () => {
  const idle = simulate({ app: { refs: { votes }, actions: {} }, tabs: [1], steps: 3, faults: {} })
  await expect(idle.run(1)).rejects.toMatchObject({ code: 'nothing-happened' })
  // Whoever asks for what was before is shown it.
  expect((await idle.replay(1)).counts['actions']).toBeUndefined()
  const none = simulate({ app: { refs: { votes }, actions: { vote: (tx) => tx.add(votes, 1) } }, tabs: [1], steps: 0 })
  expect((await none.run(1)).seed).toBe(1)
  await expect(none.cohort({ runs: 2 })).rejects.toMatchObject({ code: 'nothing-happened' })
})
