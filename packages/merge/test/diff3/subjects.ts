import type { Value } from '@syncline/stm'
import { json, keyed, lines, words } from '../../src/diff/index.ts'
import type { Dice } from '../diff/dice.ts'
import type { Subject } from './crowd.ts'

/** A text of lines, some of which are the same. */
export const page: Subject = {
  initial: 'one\ntwo\n\nthree\n\nfour\n',
  by: lines,
  edit: (value, token, dice) => {
    const all = String(value).split('\n').slice(0, -1)
    const at = dice.below(all.length + 1)
    const what = dice.below(5)
    if (what === 0) all.splice(at, 1)
    else if (what === 1) all.splice(at, 1 + dice.below(2), token)
    else if (what === 2) all.splice(at, 0, token, '')
    else if (what === 3) all.splice(at, 0, token)
    else all.splice(dice.below(all.length + 1), 0, ...all.splice(at, 2), token)
    return all.map((line) => `${line}\n`).join('')
  },
}

/** A sentence. */
export const sentence: Subject = {
  initial: 'the ship came home over a calm sea',
  by: words,
  edit: (value, token, dice) => {
    const all = String(value).split(' ')
    const at = dice.below(all.length + 1)
    if (dice.below(3) === 0) all.splice(at, 1)
    else all.splice(at, dice.below(2), token)
    return all.join(' ')
  },
}

interface Task {
  readonly id: string
  readonly text: string
}

/** A tree with a keyed array, of which items are added, moved, changed and removed. */
export const board: Subject = {
  initial: { title: 'plan', done: 0, tasks: ['a', 'b', 'c'].map((id) => ({ id, text: `task ${id}` })) },
  by: json({ title: words, tasks: keyed('id') }),
  edit: (value, token, dice) => {
    const before = value as { readonly [key: string]: Value } & { readonly tasks: readonly Task[] }
    const at = dice.below(before.tasks.length + 1)
    const task = before.tasks[at]
    const withTasks = (tasks: readonly Task[]): Value => ({ ...before, tasks: tasks as unknown as Value })
    switch (dice.below(6)) {
      case 0:
        return { ...before, title: token, tasks: before.tasks as unknown as Value }
      case 1:
        return { ...before, [dice.pick(['done', 'due', '__proto__x'])]: token, tasks: before.tasks as unknown as Value }
      case 2:
        return withTasks(before.tasks.toSpliced(at, 0, { id: token, text: '' }))
      case 3:
        return withTasks(before.tasks.toSpliced(at, 1))
      case 4:
        return task === undefined ? value : withTasks(before.tasks.with(at, { ...task, text: token }))
      default:
        return task === undefined ? value : withTasks(moved(before.tasks, at, task, dice))
    }
  },
}

function moved(tasks: readonly Task[], at: number, task: Task, dice: Dice): readonly Task[] {
  return tasks.toSpliced(at, 1).toSpliced(dice.below(tasks.length), 0, task)
}
