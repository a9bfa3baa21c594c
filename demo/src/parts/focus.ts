let wanted: string | undefined

/** Puts the focus on the element with this id: now, or as soon as it is mounted with {@link focusIfWanted} as its ref. */
export function focusOn(elementId: string): void {
  const element = document.getElementById(elementId)
  if (element === null) wanted = elementId
  else {
    wanted = undefined
    element.focus()
  }
}

/** Like {@link focusOn}, for an element that is about to be mounted anew: the one that is there now is not meant. */
export function focusNext(elementId: string): void {
  wanted = elementId
}

/** A ref for elements that may be asked for by {@link focusOn}. */
export function focusIfWanted(element: HTMLElement | null): void {
  if (element === null || element.id !== wanted) return
  wanted = undefined
  element.focus()
}
