"""Runs failures through the installed fail2ban's own fail manager, observer, ban manager and database.

Standard input: a JSON list of stories {jail, steps: [[now, time, id], ...]}. Standard output: for each story a list with
what is known after each step: [unbanned ids, bans in force [[id, start, seconds]], retries of the step's id or null].
"""
import json
import logging
import sys

logging.disable(logging.CRITICAL)

from fail2ban.server.database import Fail2BanDb
from fail2ban.server.filter import Filter
from fail2ban.server.mytime import MyTime
from fail2ban.server.observer import ObserverThread, Observers
from fail2ban.server.ticket import FailTicket
from fail2ban.tests.dummyjail import DummyJail


class Prompt:
    """An observer that acts at once; what it would do later only tells actions."""

    def __init__(self):
        self.thread = ObserverThread()
        self.thread.add_timer = lambda *_: None

    def add(self, event, *args):
        getattr(self.thread, event)(*args)


def known_retries(manager, name):
    for key, ticket in manager._FailManager__failList.items():
        if str(key) == name:
            return ticket.getRetry()
    return None


def run(story):
    settings = story['jail']
    jail = DummyJail()
    jail.database = Fail2BanDb(':memory:')
    jail.database.addJail(jail)
    filtering = Filter(jail)
    jail._Jail__filter = filtering
    filtering.setMaxRetry(settings['maxRetry'])
    filtering.setFindTime(settings['findTime'])
    jail.actions.setBanTime(settings['banTime'])
    for option, value in settings['extra'].items():
        jail.setBanTimeExtra(option, value)
    manager = filtering.failManager
    bans = jail.actions._Actions__banManager if hasattr(jail.actions, '_Actions__banManager') else jail.actions.banManager
    told = []
    for now, time, name in story['steps']:
        MyTime.setTime(now)
        unbanned = [str(ticket.getID()) for ticket in bans.unBanList(now)]
        filtering.performSvc()
        ticket = FailTicket(name, min(time, now))
        if manager.addFailure(ticket) >= manager.getMaxRetry():
            filtering.performBan(ticket.getID())
        Observers.Main.add('failureFound', jail, ticket)
        jail.actions.checkBan()
        inforce = [
            [str(t.getID()), t.getTime(), t.getBanTime(bans.getBanTime())] for t in list(bans._BanManager__banList.values())
        ]
        told.append([sorted(unbanned), sorted(inforce), known_retries(manager, name)])
    return told


Observers.Main = Prompt()
json.dump([run(story) for story in json.load(sys.stdin)], sys.stdout)
