import { encodeChange, type Ledger, type Rest, type SingleEntry } from '@syncline/protocol'
import { emptyBasis, type Change } from '@syncline/stm'
import { expect, test } from 'vitest'
import { openAccount } from '../src/care/account.ts'

const [A, B, C] = ['a', 'b', 'c'].map((digit) => digit.repeat(32))

function record(writer: string, seq: number): Uint8Array {
  const op = { tag: 'lww', address: 'title', arbiter: 'local', payload: `${seq}` } as const
  const change: Change = { writer, seq, deps: emptyBasis, at: seq, ops: [op], effects: [], meta: null }
  return encodeChange(change)
}

function commits(writer: string, ...seqs: readonly number[]): SingleEntry {
  return { kind: 'commits', changes: seqs.map((seq) => ({ record: record(writer, seq), local: new Uint8Array() })) }
}

function ended(writer: string, lastSeq: number, refused: readonly number[], again: readonly Uint8Array[]): SingleEntry {
  const gone = refused.map((seq) => ({ record: record(writer, seq), code: 'forbidden', message: 'No.' }))
  return { kind: 'ended', writer, lastSeq, refused: gone, reauthored: again }
}

test('[ST41] what an entry says at once is all in the account', () => {
  const account = openAccount()
  account.take({ kind: 'together', entries: [commits(A!, 1, 2, 3), ended(A!, 0, [2], [record(B!, 1), record(B!, 2)])] })
  expect(account.balance()).toMatchObject({ pending: 2, refused: 1, missing: [] })
  account.take({ kind: 'ordered', epoch: C!, first: 1, items: [{ writer: B!, seq: 1 }] })
  expect(account.balance()).toMatchObject({ pending: 1, relaySeq: 1, gaps: [] })
})

test('[ST35] what comes to light of a writer after it was settled is pending, and is settled in its turn', () => {
  const account = openAccount()
  account.take(commits(A!, 1, 2))
  // Whoever settled it did not know of the second one.
  account.take(ended(A!, 0, [], [record(B!, 1)]))
  expect(account.balance()).toMatchObject({ pending: 2, missing: [] })
  account.take(commits(A!, 3))
  expect(account.balance()).toMatchObject({ pending: 3 })
  account.take(ended(A!, 0, [], [record(C!, 1)]))
  expect(account.balance()).toMatchObject({ pending: 3, refused: 0 })
  account.take(ended(A!, 1, [3], [record(C!, 1)]))
  expect(account.balance()).toMatchObject({ pending: 2, refused: 1, missing: [] })
})

test('[CA1] a run of the relay that begins an epoch leaves no gap, one that skips something does', () => {
  const account = openAccount()
  account.take({ kind: 'ordered', epoch: A!, first: 1, items: [record(A!, 1), record(A!, 2)] })
  account.take({ kind: 'ordered', epoch: B!, first: 3, items: [record(A!, 3)] })
  expect(account.balance()).toMatchObject({ epoch: B, relaySeq: 3, gaps: [] })
  account.take({ kind: 'ordered', epoch: C!, first: 5, items: [record(A!, 4)] })
  expect(account.balance()).toMatchObject({ epoch: C, relaySeq: 3, gaps: [{ from: 4, to: 4 }] })
})

test('[CA1] [CP10] what a joined checkpoint has beside what is here counts once, however often it comes', () => {
  const part = { checkpoint: 7, part: 1 }
  const none = new Uint8Array()
  const ledger = {
    relaySeq: 0,
    stretches: [],
    foreign: [],
    seqs: [
      [A!, 4, -1],
      [B!, 9, 0],
    ],
    clocks: [9, 0, 0],
    browserWriter: '',
    dismissed: [],
    refusals: [],
    ended: [[A!, 2, 3]],
    became: [],
    renames: [],
    owners: [],
    clientsOfRefused: [],
  } as const satisfies Ledger
  const rests: readonly Rest[] = [
    ['pending', [[record(A!, 4), none, []]]],
    ['refused', [[record(A!, 3), none, 'forbidden', 'No.']]],
    ['asked', [[C!, record(C!, 1), none]]],
    ['ledger', ledger],
  ]
  const account = openAccount()
  // One that is refused there is pending here, and one is sent.
  account.take(commits(A!, 1, 2, 3))
  account.take({ kind: 'ordered', epoch: C!, first: 1, items: [{ writer: A!, seq: 1 }] })
  expect(account.covers(ledger, [record(C!, 1)])).toBe(false)
  for (let round = 0; round < 2; round++) {
    for (const rest of rests) {
      account.take({ kind: 'joined', part: { kind: 'rest', ...part, isLast: rest[0] === 'ledger', rest } })
    }
    expect(account.balance()).toEqual({
      epoch: C,
      relaySeq: 1,
      gaps: [],
      missing: [],
      pending: 2,
      undecided: 1,
      refused: 1,
    })
    expect(account.covers(ledger, [record(C!, 1)])).toBe(true)
  }
  expect(account.covers({ ...ledger, relaySeq: 2 }, [])).toBe(false)
  expect(account.covers({ ...ledger, seqs: [[B!, 1, -1]] }, [])).toBe(false)
  expect(account.covers(ledger, [record(B!, 1)])).toBe(false)
})
