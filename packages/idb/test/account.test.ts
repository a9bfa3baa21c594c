import { encodeChange, type SingleEntry } from '@syncline/protocol'
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
