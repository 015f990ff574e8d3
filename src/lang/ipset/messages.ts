/** What ipset 7.17 says when the kernel refuses. Source: lib/errcode.c. */
import type { SetError } from './kernel.ts'

export type KernelCommand =
  | 'create'
  | 'destroy'
  | 'flush'
  | 'rename'
  | 'swap'
  | 'list'
  | 'add'
  | 'del'
  | 'test'

const messages: Readonly<Record<SetError, string>> = {
  ENOENT: 'The set with the given name does not exist',
  EEXIST: 'Set cannot be created: set with the same name already exists',
  EINVAL: 'Kernel error received: Invalid argument',
  FIND_TYPE: 'Kernel error received: set type not supported',
  INVALID_FAMILY: 'Protocol family not supported by the set type',
  BUSY: 'Set cannot be destroyed: it is in use by a kernel component',
  EXIST_SETNAME2: 'Set cannot be renamed: a set with the new name already exists',
  TYPE_MISMATCH: 'The sets cannot be swapped: their type does not match',
  EXIST: "Element cannot be added to the set: it's already added",
  INVALID_CIDR: 'The value of the CIDR parameter of the IP address is invalid',
  INVALID_NETMASK: 'The value of the netmask parameter is invalid',
  TIMEOUT: 'Timeout cannot be used: set was created without timeout support',
  REFERENCED: 'Set cannot be renamed: it is in use by another system',
  COUNTER: 'Packet/byte counters cannot be used: set was created without counter support',
  COMMENT: 'Comment cannot be used: set was created without comment support',
  SKBINFO: 'Skbinfo mapping cannot be used: set was created without skbinfo support',
  BITMAP_RANGE: 'Element is out of the range of the set',
  BITMAP_RANGE_SIZE: 'The range you specified exceeds the size limit of the set type',
  HASH_FULL: 'Hash is full, cannot add more elements',
  HASH_ELEM: 'Null-valued element, cannot be stored in a hash type of set',
  HASH_INVALID_PROTO: 'Invalid protocol specified',
  HASH_RANGE_UNSUPPORTED: 'Range is not supported in the "net" component of the element',
  HASH_RANGE: 'Invalid range, covers the whole address space',
  LIST_NAME: 'Set to be added/deleted/tested as element does not exist.',
  LIST_LOOP: 'Sets with list:set type cannot be added to the set.',
  LIST_BEFORE: 'No reference set specified.',
  LIST_NAMEREF: "The set to which you referred with 'before' or 'after' does not exist.",
  LIST_REF_EXIST: "The set to which you referred with 'before' or 'after' is not added to the set.",
}

export function kernelMessage(error: SetError, command: KernelCommand): string {
  if (error === 'EXIST' && command === 'del') {
    return "Element cannot be deleted from the set: it's not added"
  }
  if (error === 'EXIST_SETNAME2' && command === 'swap') {
    return 'Sets cannot be swapped: the second set does not exist'
  }
  return messages[error]
}
