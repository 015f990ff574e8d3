import { describeMatch } from '../_testing/describe-match.ts'
import { owner } from './owner.ts'

const text = {
  '--uid-owner root': '--uid-owner 0',
  '--uid-owner 0:5': '--uid-owner 0-5',
  '--uid-owner 5-5': '--uid-owner 5',
  '--uid-owner 010-0x10': '--uid-owner 8-16',
  '--uid-owner 0-4294967294': '--uid-owner 0-4294967294',
  '! --gid-owner 3 ! --uid-owner 5-10': '! --uid-owner 5-10 ! --gid-owner 3',
  '--gid-owner 5 --suppl-groups --socket-exists': '--socket-exists --gid-owner 5 --suppl-groups',
  '! --gid-owner 5 --suppl-groups': '! --gid-owner 5 --suppl-groups',
  '! --socket-exists --uid-owner 7': '! --socket-exists --uid-owner 7',
  '! --socket-exists ! --uid-owner 7': '! --socket-exists ! --uid-owner 7',
  'POSTROUTING -m owner --uid-owner 5': '--uid-owner 5',
  '--uid-owner 4294967295': 'error owner/bad-id',
  '--uid-owner 0-': 'error owner/bad-id',
  '--uid-owner 5-a': 'error owner/bad-id',
  '--uid-owner ""': 'error owner/bad-id',
  '--uid-owner 5 --uid-owner 6': 'error owner/repeated',
  '--uid-owner 10-0': 'error owner/reversed-range',
  '--suppl-groups --gid-owner 0-10': 'error owner/wrong-order',
  '--suppl-groups --socket-exists': 'error owner/needs',
  '--gid-owner 0-10 ! --suppl-groups': 'error owner/not-invertible',
  '': 'error owner/no-test',
  'INPUT -m owner --uid-owner 0': 'error owner/wrong-hook',
  'FORWARD -m owner --socket-exists': 'error owner/wrong-hook',
}

const packets = {
  '--uid-owner 1000': {
    yes: ['out uid=1000 gid=7'],
    no: {
      'out uid=1001 gid=1000': 'uid 1001 is not 1000',
      out: 'no local socket sent it',
      'out | from-kernel': 'the kernel itself sent it',
    },
  },
  '! --uid-owner 5-10': {
    yes: ['out uid=4', 'out uid=11', 'out', 'out | from-kernel'],
    no: { 'out uid=5': 'uid 5 is in 5-10', 'out uid=10': 'uid 10 is in 5-10' },
  },
  '--gid-owner 33 --suppl-groups': {
    yes: ['out uid=1 gid=33', 'out uid=1 gid=2 | groups=3,33'],
    no: { 'out uid=33 gid=2 | groups=3,4': 'gid 2 is not 33', out: 'no local socket sent it' },
  },
  '--gid-owner 33': { no: { 'out uid=1 gid=2 | groups=33': 'gid 2 is not 33' } },
  '! --gid-owner 33 --suppl-groups': {
    yes: ['out uid=1 gid=2 | groups=3', 'out | from-kernel'],
    no: {
      'out uid=1 gid=2 | groups=33': 'gid 33 is 33',
      // Without --suppl-groups it would match.
      out: 'no local socket sent it',
    },
  },
  '--socket-exists': { yes: ['out uid=0', 'out | from-kernel'], no: { out: 'no local socket sent it' } },
  '! --socket-exists': {
    yes: ['out'],
    no: { 'out uid=0': 'a local socket sent it', 'out | from-kernel': 'a local socket sent it' },
  },
  '! --socket-exists --uid-owner 7': { no: ['out', 'out uid=7', 'out uid=8', 'out | from-kernel'] },
  '--uid-owner 7 ! --gid-owner 8': {
    yes: ['out uid=7 gid=9'],
    no: { 'out uid=7 gid=8': 'gid 8 is 8', 'out uid=8 gid=9': 'uid 8 is not 7' },
  },
}

describeMatch(owner, { hook: 'OUTPUT', text, packets })
describeMatch(owner, { family: 'ipv6', hook: 'OUTPUT', text, packets })
