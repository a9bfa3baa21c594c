import { batch, effect, signal } from '@preact/signals-core'
import { endBatch, effect as alienEffect, signal as alienSignal, startBatch } from 'alien-signals'
import { times, type Contender } from '../contender.ts'

/** Signals have no transactions and no history: what they cost is the limit of what telling one subscriber can cost. */
export const preactSignals: Contender = {
  name: 'preact signals',
  canRollBack: false,
  open({ entities, subscribers }, watched, hear) {
    const signals = times(entities, () => signal(0))
    for (let s = 0; s < subscribers; s++) {
      const one = signals[watched(s)]!
      effect(() => hear(s, one.value))
    }
    return {
      write(entity, value) {
        signals[entity]!.value = value
      },
      writeMany(many, value) {
        batch(() => {
          for (const entity of many) signals[entity]!.value = value
        })
      },
      read: (entity) => signals[entity]!.peek(),
    }
  },
}

export const alienSignals: Contender = {
  name: 'alien-signals',
  canRollBack: false,
  open({ entities, subscribers }, watched, hear) {
    const signals = times(entities, () => alienSignal(0))
    for (let s = 0; s < subscribers; s++) {
      const one = signals[watched(s)]!
      alienEffect(() => hear(s, one()))
    }
    return {
      write(entity, value) {
        signals[entity]!(value)
      },
      writeMany(many, value) {
        startBatch()
        for (const entity of many) signals[entity]!(value)
        endBatch()
      },
      read: (entity) => signals[entity]!(),
    }
  },
}
