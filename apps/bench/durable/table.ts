import { collection } from '@syncline/merge'

/** The table that all contenders keep, as Syncline has it. */
export const table = collection('table', {
  title: '',
  owner: '',
  status: '',
  note: '',
  points: 0,
  votes: 0,
  due: 0,
  done: false,
})
