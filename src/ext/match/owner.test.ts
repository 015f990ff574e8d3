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

describeMatch(owner, { hook: 'OUTPUT', text })
describeMatch(owner, { family: 'ipv6', hook: 'OUTPUT', text })
