/* The protocol of spawner, stop run and worker, at the granularity of one verb of the system
 * interface. The words for states and the `row_...` inlines are generated from the tables: a step
 * that is no row there is a violation. Everything else is written by hand from the protocol's
 * rules, so that it can disagree with the drivers. A launcher or worker that only waits has no
 * step here: so a world in which nobody can move is either at rest or wrong, which Judge tells.
 *
 * Bounds come as -D: LAUNCHERS HEALER KIND0.. OWN0.. INCUMBENT RECORDED GOOD KILLS OVERRUNS
 * EARLY SEAMLESS BAD HOW, and FAULT_... seeds one fault.
 */
#include "rows.pml"

#define WORKERS 5 /* at one time; a world that needs more is a violation, so this bounds nothing */

#define ENSURE  0
#define RESTART 1
#define STOP    2

#define IMPORT_FAILS 1
#define APP_FAILS    2
#define HANGS        3
#define MISLABELLED  4

#define DARK     1
#define FITS     2
#define STALE    3
#define LEAVING  4
#define REJECTED 5

#define EXIT_STOPPED 1
#define EXIT_LOST    2
#define EXIT_FAILED  3
#define EXIT_SIGNAL  4

#define NONE 15
#define BIT(n) (1 << (n))
#define HAS(mask, n) ((mask) & BIT(n))
#define ADD(mask, n) mask = mask | BIT(n)
#define DROP(mask, n) mask = mask & ~BIT(n)
#define ONE_AT_MOST(mask) (((mask) & ((mask) - 1)) == 0)
#define must(that, words) if :: (that) -> skip :: else -> printf("BROKEN: "); printf(words); printf("\n"); assert(false) fi

/* Actors are launchers, then workers: a lock's owner is an actor. */
#define ACTOR(w) (LAUNCHERS + (w))
#define KIND(l) ((l) == 0 -> KIND0 : ((l) == 1 -> KIND1 : ((l) == 2 -> KIND2 : KIND3)))
#define OWN(l) ((l) == 0 -> OWN0 : ((l) == 1 -> OWN1 : ((l) == 2 -> OWN2 : OWN3)))
#define ALIVE_ACTOR(a) ((a) < LAUNCHERS -> (HAS(running, a) != 0) : (HAS(alive, (a) - LAUNCHERS) != 0))
#define BROKEN(w, kind) (build[w] == BAD && HOW == (kind))

/* The port: who has a copy of the listening socket, who accepts on it. */
byte socks, accepts, apps;
byte pidfile = NONE;

/* The spawn lock. */
byte owner = NONE;
bit stale;
short holds, overran;

/* The launch record; versions are 1 and up, 0 is none. */
byte recorded = RECORDED;
byte good = GOOD;
byte rejected;

/* What may still go wrong. */
byte kills = KILLS;
byte overruns = OVERRUNS;
byte early = EARLY;

/* Launchers. */
mtype lstate[LAUNCHERS];
byte running;
byte wanted[LAUNCHERS];
byte target[LAUNCHERS] = NONE;
byte ask[LAUNCHERS]; /* 0 nothing, 1 to be sent, 2 before the worker, 3 answered with 202 */
byte asked;
byte launches[LAUNCHERS];
byte lchild[LAUNCHERS] = NONE;
byte late[LAUNCHERS + WORKERS]; /* 1 given up on, 2 killed and reaped */
byte tried[LAUNCHERS + WORKERS]; /* the build that an actor's child was: the dead keep none */
short goodnext; /* by actor */
byte probed;
byte begantoserve[LAUNCHERS]; /* which workers began to serve since this run began */

/* Workers. */
mtype wstate[WORKERS];
byte alive, unborn, excused, doomed, watched, ready, up, stopqueued, restartwhy;
byte build[WORKERS]; /* the version the worker was spawned as */
byte says[WORKERS];  /* the version its code has */
byte lock_token[WORKERS] = NONE;
byte code[WORKERS];
byte wchild[WORKERS] = NONE;
byte phase[WORKERS];
byte attempts[WORKERS];

hidden byte saw, i, slot, pick, judged, ours, victim, child;

#define FRONT (accepts & 1 -> 0 : (accepts & 2 -> 1 : (accepts & 4 -> 2 : (accepts & 8 -> 3 : 4))))
#define SERVING(s) ((s) == st_verified || (s) == st_locking || (s) == st_handing_off || (s) == st_handing_off__warming_up)
#define COMING_UP(s) ((s) == st_idle__bound || (s) == st_idle__adopted || (s) == st_idle__starting || (s) == st_handing_off__resuming || (s) == st_handing_off__resuming_pid_written)
#define TELLS (accepts != 0 && !COMING_UP(wstate[FRONT]))
#define FINAL(l) (lstate[l] == st_verified || lstate[l] == st_failed || lstate[l] == st_killed)
#define TAKEABLE (owner == NONE || stale || !ALIVE_ACTOR(owner))

#ifdef FAULT_STEAL_FRESH
#define MAY_TAKE 1
#else
#define MAY_TAKE TAKEABLE
#endif

#define LOWER(l) (recorded && recorded < wanted[l] -> recorded : wanted[l])
#ifdef FAULT_LOWERED
#define NEED(l) (KIND(l) == RESTART -> recorded : LOWER(l))
#else
#define NEED(l) (KIND(l) == RESTART || wanted[l] == 0 -> wanted[l] : \
    (good && HAS(rejected, wanted[l]) && good < LOWER(l) -> good : LOWER(l)))
#endif
#define NEW_ENOUGH(l) (says[FRONT] >= NEED(l))
#ifdef FAULT_SAME_PID
#define SERVING_SINCE(l) 1
#else
#define SERVING_SINCE(l) (KIND(l) != RESTART || HAS(begantoserve[l], FRONT))
#endif
#ifdef FAULT_OTHER_VERSION
#define FITTING(l) (TELLS && SERVING(wstate[FRONT]) && SERVING_SINCE(l))
#else
#define FITTING(l) (TELLS && SERVING(wstate[FRONT]) && NEW_ENOUGH(l) && SERVING_SINCE(l))
#endif

#define SPAWNER(event, dest) row_spawner_##event(l, lstate[l], st_##dest)
#define STOPPER(event, dest) row_stop_##event(l, lstate[l], st_##dest)
#define WORKER(event, dest) row_worker_##event(w, wstate[w], st_##dest)

inline check() {
    must(ONE_AT_MOST(accepts), "I1 at most one process accepts");
    must(ONE_AT_MOST(apps), "I1 at most one process runs the app");
    must((apps & ~socks) == 0, "I2 the app runs only where the socket is");
    must((accepts & ~socks) == 0, "I3 only who listens serves");
    must(ONE_AT_MOST(holds & ~overran), "I4 at most one holder that has not overrun");
    must(ONE_AT_MOST(unborn & ~excused), "I5 at most one unborn child");
    must(pidfile == NONE || !HAS(alive, pidfile) || HAS(socks, pidfile), "I6 the PID file names the listener")
}

/* The lock. */

inline take(a) {
    owner = a; stale = 0;
    ADD(holds, a); DROP(overran, a)
}

inline release(a) {
#ifdef FAULT_RELEASE_ANY
    if :: HAS(holds, a) -> owner = NONE; stale = 0 :: else fi;
#else
    if :: HAS(holds, a) && owner == a -> owner = NONE; stale = 0 :: else fi;
#endif
    DROP(holds, a); DROP(overran, a)
}

/* The record, changed only by the owner of the lock. */

inline mark_good(a, version) {
    if
    :: owner == a -> good = version; DROP(rejected, version)
    :: else
    fi
}

inline reject(a, version) {
    ours = (owner == a);
    if
#ifdef FAULT_GOOD_REJECTED
    :: ours ->
        if :: recorded == version -> recorded = (good == version -> 0 : good) :: else fi;
        ADD(rejected, version)
#else
#ifdef FAULT_REJECT_UNOWNED
    :: version != good ->
        must(ours, "rule 8: only the owner of the lock changes the record");
#else
    :: ours && version != good ->
#endif
        if :: recorded == version -> recorded = good :: else fi;
        ADD(rejected, version)
#endif
    :: else
    fi;
    must(!HAS(rejected, good) || good == 0, "rule 9: good is never rejected")
}

/* Processes. */

#define REFERRED(s) (LREF(0, s) || LREF(1, s) || LREF(2, s) || LREF(3, s) || WREF(0, s) || WREF(1, s) || WREF(2, s) || WREF(3, s) || WREF(4, s) || owner == ACTOR(s))
#define LREF_(l, s) (lchild[l] == (s) || target[l] == (s))
#define WREF_(w, s) (wchild[w] == (s) || (HAS(unborn, w) && lock_token[w] == ACTOR(s)))
#define LREF(l, s) LREF##l(s)
#define WREF(w, s) WREF##w(s)
#define LREF0(s) LREF_(0, s)
#if LAUNCHERS > 1
#define LREF1(s) LREF_(1, s)
#else
#define LREF1(s) 0
#endif
#if LAUNCHERS > 2
#define LREF2(s) LREF_(2, s)
#else
#define LREF2(s) 0
#endif
#if LAUNCHERS > 3
#define LREF3(s) LREF_(3, s)
#else
#define LREF3(s) 0
#endif
#define WREF0(s) WREF_(0, s)
#define WREF1(s) WREF_(1, s)
#define WREF2(s) WREF_(2, s)
#define WREF3(s) WREF_(3, s)
#define WREF4(s) WREF_(4, s)

inline spawn(a, version, first) {
    slot = 0;
    do
    :: slot < WORKERS && (HAS(alive, slot) || REFERRED(slot)) -> slot++
    :: else -> break
    od;
    must(slot < WORKERS, "BOUND: more processes than the model has room for");
    ADD(alive, slot); ADD(unborn, slot); ADD(watched, slot);
    DROP(up, slot); DROP(ready, slot);
    code[slot] = 0; phase[slot] = 0; attempts[slot] = 0;
    build[slot] = version;
    says[slot] = (BROKEN(slot, MISLABELLED) -> 1 : version);
    lock_token[slot] = a;
    wstate[slot] = first;
    if :: pidfile == slot -> pidfile = NONE :: else fi;
    if :: HAS(overran, a) -> ADD(excused, slot) :: else -> DROP(excused, slot) fi;
#ifdef FAULT_STATE_BEFORE_LISTEN
    pidfile = slot;
#endif
    must(first == st_idle__standby || socks == 0 || HAS(overran, a), "I8 no spawn into a live port")
}

/* Nobody waits for this child any more. */
inline forget(settled) {
    child = settled;
    DROP(watched, child); DROP(up, child); DROP(ready, child); code[child] = 0
}

inline die(who, how) {
    victim = who;
    DROP(alive, victim); DROP(socks, victim); DROP(accepts, victim); DROP(apps, victim);
    DROP(unborn, victim); DROP(excused, victim); DROP(doomed, victim); DROP(stopqueued, victim);
    DROP(restartwhy, victim); DROP(holds, ACTOR(victim)); DROP(overran, ACTOR(victim));
    DROP(goodnext, ACTOR(victim));
    late[ACTOR(victim)] = 0; tried[ACTOR(victim)] = 0;
    wstate[victim] = st_none; build[victim] = 0; says[victim] = 0; lock_token[victim] = NONE;
    phase[victim] = 0; attempts[victim] = 0;
    code[victim] = (HAS(watched, victim) -> how : 0);
    if
    :: wchild[victim] != NONE ->
        child = wchild[victim];
        if :: HAS(unborn, child) -> ADD(excused, child) :: else fi;
        forget(child); wchild[victim] = NONE
    :: else
    fi;
    for (i : 0 .. LAUNCHERS - 1) { DROP(begantoserve[i], victim) }
}

inline leave(who, how) {
    victim = who;
    if :: pidfile == victim -> pidfile = NONE :: else fi;
    die(victim, how)
}

inline began_to_serve(w) {
    must(!HAS(doomed, w), "rule 6: nobody comes up behind a stop that proved the port dark");
    DROP(unborn, w); DROP(excused, w);
    for (i : 0 .. LAUNCHERS - 1) { if :: HAS(running, i) -> ADD(begantoserve[i], w) :: else fi }
}

inline answer_all(w) {
    for (i : 0 .. LAUNCHERS - 1) {
        if
        :: ask[i] == 2 && target[i] == w ->
            ask[i] = 3;
            if :: KIND(i) == STOP -> ADD(stopqueued, w) :: else fi
        :: else
        fi
    }
}

/* Launchers. */

inline begin(l) {
    ADD(running, l);
    lstate[l] = st_idle;
    if :: KIND(l) == RESTART -> DROP(rejected, OWN(l)) :: else fi;
    if
    :: KIND(l) != STOP && (recorded == 0 || OWN(l) > recorded) && !HAS(rejected, OWN(l)) -> recorded = OWN(l)
    :: else
    fi;
    if :: KIND(l) != STOP -> wanted[l] = recorded :: else fi
}

inline finish(l) {
    DROP(running, l); DROP(asked, l); DROP(goodnext, l); DROP(probed, l);
    wanted[l] = 0; target[l] = NONE; ask[l] = 0; launches[l] = 0; lchild[l] = NONE; late[l] = 0;
    begantoserve[l] = 0
}

inline won(l, w) {
    must(HAS(accepts, w), "promise 2: verified by a worker that serves");
    must(KIND(l) != RESTART || HAS(begantoserve[l], w), "rule 12: a restart is verified by who began to serve since");
    must((KIND(l) == RESTART -> says[w] >= wanted[l] : says[w] >= NEED(l) || tried[l] == says[w]), "promise 2: verified by the expected version");
    tried[l] = 0;
    finish(l)
}

inline look(l) {
    if
    :: socks == 0 -> saw = DARK
    :: else ->
        if
        :: FITTING(l) -> saw = FITS
        :: else ->
            if
            :: wstate[FRONT] != st_verified -> saw = LEAVING
            :: else ->
                saw = (KIND(l) == RESTART && wanted[l] && (recorded == 0 || wanted[l] > recorded) -> REJECTED : STALE)
            fi
        fi
    fi
}

inline aim(l, asking) {
    target[l] = FRONT; ask[l] = ((asking) -> 1 : 0)
}

inline launch_or_fail(l) {
    if
    :: launches[l] >= 2 -> SPAWNER(launches_spent, failed); finish(l)
    :: else ->
        if
        :: recorded == 0 -> SPAWNER(nothing_recorded, failed); finish(l)
        :: else -> SPAWNER(port_dark, locking); target[l] = NONE
        fi
    fi
}

/* The verdict on a child that is dead, or up: one word for launcher and predecessor alike. */
#define READY 1
#define LEFT 2
#define LOST 3
#define STOPPED 4
#define FAILED 5
#define KILLED 6
#ifdef FAULT_BLAME_SIGNAL
#define BY_SIGNAL FAILED
#else
#define BY_SIGNAL KILLED
#endif
#ifdef FAULT_BLAME_LOST
#define BY_LOSS FAILED
#else
#define BY_LOSS LOST
#endif
#ifdef FAULT_RESUME_UP
#define UP_COUNTS(c) 0
#else
#define UP_COUNTS(c) HAS(up, c)
#endif
#define VERDICT(a, c) (UP_COUNTS(c) -> LEFT : (late[a] == 2 -> FAILED : \
    (code[c] == EXIT_LOST -> BY_LOSS : (code[c] == EXIT_STOPPED -> STOPPED : \
    (code[c] == EXIT_SIGNAL -> BY_SIGNAL : FAILED)))))

#define IS_LATE(c) (HAS(alive, c) && !HAS(up, c) && (BROKEN(c, HANGS) || early > 0))

inline spend_early(c) {
    if :: BROKEN(c, HANGS) -> skip :: else -> early-- fi
}

inline blame(a, c) {
    must(late[a] == 2 || code[c] == EXIT_FAILED, "rule 8: exit 75 or a signal is never the build's fault")
}

proctype Launcher(byte l) {
end: do
    :: d_step { lstate[l] == st_none && (l != HEALER || timeout) ->
        if :: l == HEALER -> kills = 0; overruns = 0; early = 0 :: else fi;
        begin(l); check() }

    /* A spawner looks at the port. */
    :: d_step { lstate[l] == st_idle && KIND(l) != STOP && (socks == 0 || TELLS) ->
        look(l);
        if
        :: saw == DARK -> launch_or_fail(l)
        :: saw == FITS -> SPAWNER(worker_fits, verified); won(l, FRONT)
        :: saw == REJECTED -> SPAWNER(build_rejected, failed); finish(l)
        :: saw == LEAVING ->
            SPAWNER(worker_leaving, handing_off);
            aim(l, KIND(l) == RESTART && !HAS(asked, l))
        :: else ->
            if
#ifndef FAULT_SECOND_RECYCLE
            :: HAS(asked, l) -> SPAWNER(recycle_spent, failed); finish(l)
#endif
            :: else ->
                aim(l, 1);
                if
                :: KIND(l) == RESTART -> SPAWNER(restart_wanted, handing_off)
                :: else -> SPAWNER(worker_stale, handing_off)
                fi
            fi
        fi }
    :: d_step { lstate[l] == st_locking && KIND(l) != STOP && MAY_TAKE ->
        if
        :: owner == NONE -> take(l); SPAWNER(lock_acquired, spawning)
        :: else -> take(l); SPAWNER(lock_stale_stolen, spawning)
        fi;
#ifdef FAULT_NO_SECOND_PROBE
        ADD(probed, l);
#endif
        check() }
#ifdef FAULT_LOSER_SPAWNS
    :: d_step { lstate[l] == st_locking && KIND(l) != STOP && !TAKEABLE ->
        SPAWNER(lock_acquired, spawning); check() }
#endif
    :: d_step { lstate[l] == st_locking && KIND(l) != STOP && (TELLS || (socks == 0 && recorded == 0)) ->
        look(l);
        if
        :: saw == DARK -> SPAWNER(nothing_recorded, failed); finish(l)
        :: saw == FITS -> SPAWNER(worker_fits, verified); won(l, FRONT)
        :: saw == REJECTED -> SPAWNER(build_rejected, failed); finish(l)
        :: saw == LEAVING ->
            SPAWNER(worker_leaving, handing_off);
            aim(l, KIND(l) == RESTART && !HAS(asked, l))
        :: else ->
            if
            :: HAS(asked, l) -> SPAWNER(older_worker_again, failed); finish(l)
            :: else -> SPAWNER(older_worker, idle)
            fi
        fi }

    /* Spawner and stop run ask the instance they judged. */
    :: d_step { lstate[l] == st_handing_off && ask[l] == 1 && (socks == 0 || (accepts != 0 && FRONT != target[l])) ->
        ask[l] = 0; target[l] = NONE;
        if
        :: KIND(l) == STOP -> STOPPER(ask_missed, idle)
        :: else -> SPAWNER(ask_missed, idle)
        fi }
    :: d_step { lstate[l] == st_handing_off && ask[l] == 1 && accepts != 0 && FRONT == target[l] ->
        if
        :: SERVING(wstate[FRONT]) -> ask[l] = 2
        :: else ->
            ask[l] = 3;
            must(KIND(l) == STOP || !COMING_UP(wstate[FRONT]), "only a stop asks a worker that comes up");
            if :: KIND(l) == STOP -> ADD(stopqueued, FRONT) :: else fi
        fi }
    :: d_step { ask[l] == 2 && !HAS(alive, target[l]) -> ask[l] = 1 }
    :: d_step { lstate[l] == st_handing_off && ask[l] == 3 ->
        ask[l] = 0;
        if
        :: KIND(l) == STOP -> STOPPER(ask_accepted, handing_off)
        :: else ->
            must(!HAS(asked, l), "I7 at most one recycle a run");
            ADD(asked, l);
            SPAWNER(ask_accepted, handing_off)
        fi }

    /* A spawner waits for the successor. */
    :: d_step { lstate[l] == st_handing_off && KIND(l) != STOP && ask[l] == 0 &&
                ((TELLS && (FITTING(l) || wstate[FRONT] == st_verified)) || (socks == 0 && TAKEABLE)) ->
        look(l);
        if
        :: saw == DARK -> launch_or_fail(l)
        :: saw == FITS -> SPAWNER(worker_fits, verified); won(l, FRONT)
        :: saw == REJECTED -> SPAWNER(build_rejected, failed); finish(l)
        :: else ->
            if
            :: FRONT == target[l] && HAS(asked, l) ->
#ifdef FAULT_SECOND_RECYCLE
                SPAWNER(called_off, idle)
#else
                SPAWNER(handover_refused, failed); finish(l)
#endif
            :: FRONT == target[l] && !HAS(asked, l) -> SPAWNER(called_off, idle); target[l] = NONE
            :: FRONT != target[l] && HAS(asked, l) ->
#ifdef FAULT_SECOND_RECYCLE
                SPAWNER(older_worker, idle)
#else
                SPAWNER(older_worker_again, failed); finish(l)
#endif
            :: else -> SPAWNER(older_worker, idle); target[l] = NONE
            fi
        fi }

    /* A spawner under the lock: the second look, the child. */
    :: d_step { lstate[l] == st_spawning && lchild[l] == NONE && !HAS(probed, l) ->
        if
        :: socks == 0 -> ADD(probed, l)
        :: else -> release(l); SPAWNER(not_dark, idle); DROP(goodnext, l)
        fi }
    :: d_step { lstate[l] == st_spawning && lchild[l] == NONE && HAS(probed, l) ->
        DROP(probed, l);
        pick = (HAS(goodnext, l) -> good : recorded);
        if
        :: pick == 0 -> release(l); SPAWNER(no_record, failed); finish(l)
        :: else ->
            launches[l]++;
            must(launches[l] <= 2, "rule 10: two launches a run at most");
            spawn(l, pick, st_idle);
            lchild[l] = slot; tried[l] = pick;
            SPAWNER(spawned, spawning)
        fi;
        check() }
    :: d_step { lstate[l] == st_spawning && lchild[l] != NONE && HAS(up, lchild[l]) && accepts != 0 &&
                FRONT == lchild[l] && TELLS ->
        mark_good(l, tried[l]); release(l);
        if
        :: KIND(l) == RESTART && tried[l] < wanted[l] -> SPAWNER(older_child_ready, failed); forget(lchild[l]); finish(l)
        :: else -> SPAWNER(child_ready, verified); pick = lchild[l]; forget(pick); won(l, pick)
        fi;
        check() }
#ifdef FAULT_RELEASE_HEALTHY
    :: d_step { lstate[l] == st_spawning && lchild[l] != NONE && TELLS && FRONT != lchild[l] && SERVING(wstate[FRONT]) ->
        release(l); SPAWNER(child_left, idle); forget(lchild[l]); lchild[l] = NONE; check() }
#endif
    :: d_step { lstate[l] == st_spawning && lchild[l] != NONE && late[l] == 0 && IS_LATE(lchild[l]) ->
        spend_early(lchild[l]);
#ifdef FAULT_RELEASE_ALIVE
        forget(lchild[l]); lchild[l] = NONE; release(l); SPAWNER(child_lost, idle);
#else
        late[l] = 1;
#endif
        check() }
    :: d_step { lstate[l] == st_spawning && late[l] == 1 ->
        SPAWNER(child_deadline, spawning);
        if :: HAS(alive, lchild[l]) -> leave(lchild[l], EXIT_SIGNAL) :: else fi;
        late[l] = 2;
        check() }
    :: d_step { lstate[l] == st_spawning && lchild[l] != NONE && late[l] != 1 &&
                (!HAS(alive, lchild[l]) || (HAS(up, lchild[l]) && TELLS && FRONT != lchild[l])) ->
        judged = VERDICT(l, lchild[l]);
        pick = lchild[l];
        lchild[l] = NONE;
        if
        :: judged == LEFT ->
            mark_good(l, tried[l]); release(l);
            launches[l] = 2;
            SPAWNER(child_left, idle); DROP(goodnext, l)
        :: judged == LOST -> release(l); SPAWNER(child_lost, idle); DROP(goodnext, l)
        :: judged == STOPPED -> release(l); SPAWNER(child_stopped, failed); finish(l)
        :: judged == FAILED ->
            blame(l, pick);
            reject(l, tried[l]);
            ADD(goodnext, l);
            if
            :: ours && good != 0 && launches[l] < 2 -> SPAWNER(child_failed, spawning)
            :: else -> release(l); SPAWNER(child_failed_last, failed); finish(l)
            fi
        :: else ->
            if
            :: launches[l] < 2 -> SPAWNER(child_killed, spawning)
            :: else -> release(l); SPAWNER(child_killed_last, failed); finish(l)
            fi
        fi;
        late[l] = 0; tried[l] = 0;
        forget(pick); check() }

    /* The stop run. */
    :: d_step { lstate[l] == st_idle && KIND(l) == STOP && (socks == 0 || accepts != 0) ->
        if
        :: socks == 0 ->
#ifdef FAULT_STOP_UNLOCKED
            STOPPER(port_dark, locking); lstate[l] = st_locking__holding
#else
            STOPPER(port_dark, locking)
#endif
        :: else ->
            aim(l, 1);
            if
            :: COMING_UP(wstate[FRONT]) -> STOPPER(worker_starting, handing_off)
            :: else -> STOPPER(worker_found, handing_off)
            fi
        fi }
    :: d_step { lstate[l] == st_handing_off && KIND(l) == STOP && ask[l] == 0 &&
                (socks == 0 || (accepts != 0 && FRONT != target[l])) ->
        STOPPER(instance_gone, idle); target[l] = NONE }
    :: d_step { lstate[l] == st_locking && KIND(l) == STOP && MAY_TAKE ->
        if
        :: owner == NONE -> take(l); STOPPER(lock_acquired, locking__holding)
        :: else -> take(l); STOPPER(lock_stale_stolen, locking__holding)
        fi;
        check() }
    :: d_step { lstate[l] == st_locking && KIND(l) == STOP && socks != 0 -> STOPPER(not_dark, idle) }
    :: d_step { lstate[l] == st_locking__holding ->
        if
        :: socks == 0 ->
            if :: HAS(overran, l) -> skip :: else -> doomed = doomed | unborn fi;
            release(l); STOPPER(port_dark, verified); finish(l)
        :: else -> release(l); STOPPER(not_dark, idle)
        fi;
        check() }

    /* A deadline that comes too early. */
    :: d_step { early > 0 && (lstate[l] == st_idle || lstate[l] == st_locking || lstate[l] == st_handing_off) ->
        early--;
        if
        :: KIND(l) == STOP -> STOPPER(deadline_passed, failed)
        :: else -> SPAWNER(deadline_passed, failed)
        fi;
        finish(l) }
    od
}

/* Workers. */

#define ASKED_BY(l, w) (ask[l] == 2 && target[l] == (w))
#if LAUNCHERS > 3
#define ASKED(w) (ASKED_BY(0, w) || ASKED_BY(1, w) || ASKED_BY(2, w) || ASKED_BY(3, w))
#elif LAUNCHERS > 2
#define ASKED(w) (ASKED_BY(0, w) || ASKED_BY(1, w) || ASKED_BY(2, w))
#elif LAUNCHERS > 1
#define ASKED(w) (ASKED_BY(0, w) || ASKED_BY(1, w))
#else
#define ASKED(w) ASKED_BY(0, w)
#endif
#ifdef FAULT_NOT_DECLINED
#define CURRENT(w) 0
#else
#define CURRENT(w) (!HAS(restartwhy, w) && recorded != 0 && says[w] >= recorded)
#endif

inline take_ask(l) {
    ask[l] = 3;
    if
    :: KIND(l) == STOP ->
        if
        :: wstate[w] == st_handing_off__warming_up ->
            leave(wchild[w], EXIT_SIGNAL); forget(wchild[w]); wchild[w] = NONE;
            release(ACTOR(w))
        :: else
        fi;
        WORKER(stop_asked, idle__stopping)
    :: else ->
        if
        :: KIND(l) == RESTART -> ADD(restartwhy, w)
        :: KIND(l) == ENSURE && wstate[w] == st_verified -> DROP(restartwhy, w)
        :: else
        fi;
        if
        :: wstate[w] == st_handing_off__warming_up -> WORKER(handover_asked, handing_off__warming_up)
        :: else -> WORKER(handover_asked, locking)
        fi
    fi;
    check()
}

#define MAY_HEAR(l) ASKED_BY(l, w) && (wstate[w] == st_verified || wstate[w] == st_locking || wstate[w] == st_handing_off__warming_up)

#ifdef SEAMLESS
#define CLOSING 0
#else
#define CLOSING 1
#endif

proctype Worker(byte w) {
end: do
    /* Coming up, cold. */
    :: d_step { wstate[w] == st_idle ->
        if
#ifndef FAULT_NO_FENCE
        :: owner != lock_token[w] -> WORKER(token_gone, failed); leave(w, EXIT_LOST)
#endif
#ifdef FAULT_BIND_PROOF
        :: socks != 0 -> began_to_serve(w); WORKER(listen_ok, idle__bound)
#else
        :: socks != 0 -> WORKER(listen_lost, failed); leave(w, EXIT_LOST)
#endif
        :: else -> ADD(socks, w); began_to_serve(w); WORKER(listen_ok, idle__bound)
        fi;
        check() }

    /* Coming up, by the socket passed. */
    :: d_step { wstate[w] == st_idle__standby && !BROKEN(w, HANGS) ->
        if
        :: BROKEN(w, IMPORT_FAILS) -> WORKER(app_failed, failed); leave(w, EXIT_FAILED)
#ifndef FAULT_EXPECTED_VERSION
        :: BROKEN(w, MISLABELLED) -> WORKER(wrong_version, failed); leave(w, EXIT_FAILED)
#endif
        :: else -> ADD(ready, w); WORKER(imported, idle__ready)
        fi;
        check() }
    :: d_step { wstate[w] == st_idle__ready && HAS(socks, w) -> began_to_serve(w); WORKER(socket_received, idle__adopted); check() }
#ifndef FAULT_ORPHAN
    :: d_step { wstate[w] == st_idle__ready && !HAS(socks, w) && !HAS(watched, w) ->
        WORKER(pipe_closed, idle__stopped); leave(w, EXIT_STOPPED); check() }
#endif

    :: d_step { wstate[w] == st_idle__bound || wstate[w] == st_idle__adopted ->
        pidfile = w; WORKER(pid_written, idle__starting);
        must(HAS(socks, w), "I2 the PID file is written by who listens");
        check() }
    :: d_step { wstate[w] == st_idle__starting && phase[w] == 0 && !BROKEN(w, HANGS) ->
        if
        :: BROKEN(w, IMPORT_FAILS) -> WORKER(app_failed, failed); leave(w, EXIT_FAILED)
#ifndef FAULT_EXPECTED_VERSION
        :: BROKEN(w, MISLABELLED) -> WORKER(wrong_version, failed); leave(w, EXIT_FAILED)
#endif
        :: else -> phase[w] = 1; ADD(apps, w); ADD(accepts, w)
        fi;
        check() }
    :: d_step { wstate[w] == st_idle__starting && phase[w] == 1 ->
        if
        :: BROKEN(w, APP_FAILS) -> WORKER(app_failed, failed); leave(w, EXIT_FAILED)
        :: !BROKEN(w, APP_FAILS) && HAS(stopqueued, w) -> WORKER(stop_asked, idle__stopped); leave(w, EXIT_STOPPED)
        :: else ->
            WORKER(app_up, verified);
#ifdef FAULT_UP_LATE
            phase[w] = 2
#else
            phase[w] = 0;
            if :: HAS(watched, w) -> ADD(up, w) :: else fi
#endif
        fi;
        check() }
#ifdef FAULT_UP_LATE
    :: d_step { phase[w] == 2 -> phase[w] = 0; if :: HAS(watched, w) -> ADD(up, w) :: else fi }
#endif
#ifndef FAULT_NO_OWN_DEADLINE
    :: d_step { (wstate[w] == st_idle__starting || wstate[w] == st_idle__standby) && (BROKEN(w, HANGS) || early > 0) ->
        spend_early(w);
        WORKER(own_deadline, failed); leave(w, EXIT_FAILED); check() }
#endif

    /* Serving. */
    :: d_step { MAY_HEAR(0) -> take_ask(0) }
#if LAUNCHERS > 1
    :: d_step { MAY_HEAR(1) -> take_ask(1) }
#endif
#if LAUNCHERS > 2
    :: d_step { MAY_HEAR(2) -> take_ask(2) }
#endif
#if LAUNCHERS > 3
    :: d_step { MAY_HEAR(3) -> take_ask(3) }
#endif
    :: d_step { wstate[w] == st_verified && HAS(stopqueued, w) ->
        DROP(stopqueued, w); WORKER(stop_asked, idle__stopping) }
    :: d_step { wstate[w] == st_locking && !ASKED(w) && CURRENT(w) -> WORKER(is_current, verified); DROP(restartwhy, w) }
#ifdef FAULT_UNLOCKED_HANDOVER
    :: d_step { wstate[w] == st_locking && !ASKED(w) && !CURRENT(w) ->
        WORKER(lock_acquired, handing_off) }
#else
    :: d_step { wstate[w] == st_locking && !ASKED(w) && !CURRENT(w) && MAY_TAKE ->
        if
        :: owner == NONE -> take(ACTOR(w)); WORKER(lock_acquired, handing_off)
        :: else -> take(ACTOR(w)); WORKER(lock_stale_stolen, handing_off)
        fi;
        check() }
#endif
    :: d_step { wstate[w] == st_locking && !ASKED(w) && !CURRENT(w) && !TAKEABLE ->
        WORKER(lock_wait_over, verified); DROP(restartwhy, w) }
    :: d_step { wstate[w] == st_handing_off ->
        if
        :: recorded == 0 -> release(ACTOR(w)); WORKER(record_unusable, verified)
        :: else ->
#ifdef SEAMLESS
#ifdef FAULT_INSTALL_VERSION
            pick = says[w];
#else
            pick = recorded;
#endif
            spawn(ACTOR(w), pick, st_idle__standby);
            wchild[w] = slot; tried[ACTOR(w)] = pick;
            must(HAS(restartwhy, w) || pick > says[w], "promise 4: a recycle leads to a newer version");
            WORKER(standby_spawned, handing_off__warming_up)
#else
            WORKER(rebind_chosen, handing_off__draining)
#endif
        fi;
        check() }

    /* Seamless: the standby warms up. */
    :: d_step { wstate[w] == st_handing_off__warming_up && HAS(ready, wchild[w]) -> WORKER(standby_ready, handing_off__draining) }
    :: d_step { wstate[w] == st_handing_off__warming_up && !HAS(ready, wchild[w]) && !HAS(alive, wchild[w]) ->
        judged = VERDICT(ACTOR(w), wchild[w]);
        if
        :: judged == FAILED ->
            blame(ACTOR(w), wchild[w]);
            reject(ACTOR(w), tried[ACTOR(w)]);
            WORKER(standby_failed, verified)
        :: else -> WORKER(standby_gone, verified)
        fi;
        release(ACTOR(w)); forget(wchild[w]); wchild[w] = NONE; tried[ACTOR(w)] = 0; late[ACTOR(w)] = 0;
        DROP(restartwhy, w);
        check() }
    :: d_step { wstate[w] == st_handing_off__warming_up && !HAS(ready, wchild[w]) && IS_LATE(wchild[w]) ->
        spend_early(wchild[w]);
        late[ACTOR(w)] = 2;
        leave(wchild[w], EXIT_SIGNAL); check() }

    /* Leaving, to a successor or to nobody. */
    :: d_step { wstate[w] == st_handing_off__draining || wstate[w] == st_idle__stopping ->
#ifndef FAULT_KEEP_ACCEPTING
        DROP(accepts, w);
#endif
        answer_all(w);
        if
        :: wstate[w] == st_idle__stopping -> WORKER(drained, idle__stopping_drained)
        :: else -> WORKER(drained, handing_off__drained)
        fi;
        check() }
    :: d_step { wstate[w] == st_handing_off__drained || wstate[w] == st_idle__stopping_drained ->
#ifndef FAULT_APP_STAYS_UP
        DROP(apps, w);
#endif
        if
        :: wstate[w] == st_idle__stopping_drained -> WORKER(app_down, idle__stopping_app_down)
        :: else -> WORKER(app_down, handing_off__app_down)
        fi }
    :: d_step { wstate[w] == st_handing_off__app_down || wstate[w] == st_idle__stopping_app_down ->
#ifdef FAULT_PID_AFTER_CLOSE
        if :: CLOSING || wstate[w] == st_idle__stopping_app_down -> DROP(socks, w) :: else fi;
#else
        if :: pidfile == w -> pidfile = NONE :: else fi;
#endif
        if
        :: wstate[w] == st_idle__stopping_app_down -> WORKER(pid_removed, idle__stopping_pid_removed)
        :: else -> WORKER(pid_removed, handing_off__passing_socket)
        fi;
        check() }
    :: d_step { wstate[w] == st_idle__stopping_pid_removed -> WORKER(closed, idle__stopped); leave(w, EXIT_STOPPED); check() }

#ifdef SEAMLESS
    :: d_step { wstate[w] == st_handing_off__passing_socket ->
        if
        :: HAS(alive, wchild[w]) -> ADD(socks, wchild[w]); WORKER(socket_passed, handing_off__awaiting_successor)
        :: else -> forget(wchild[w]); wchild[w] = NONE; WORKER(standby_gone, handing_off__resuming)
        fi;
        check() }
#else
    :: d_step { wstate[w] == st_handing_off__passing_socket -> DROP(socks, w); WORKER(closed, spawning); check() }
    :: d_step { wstate[w] == st_spawning ->
        if
        :: HAS(stopqueued, w) -> release(ACTOR(w)); WORKER(stop_asked, idle__stopped); leave(w, EXIT_STOPPED)
        :: else ->
#ifdef FAULT_INSTALL_VERSION
            pick = says[w];
#else
            pick = (HAS(goodnext, ACTOR(w)) -> good : recorded);
#endif
            if
            :: pick == 0 -> release(ACTOR(w)); WORKER(no_record, failed); leave(w, EXIT_FAILED)
            :: else ->
                attempts[w]++;
                spawn(ACTOR(w), pick, st_idle);
                wchild[w] = slot; tried[ACTOR(w)] = pick;
                must(HAS(restartwhy, w) || attempts[w] > 1 || pick > says[w] || HAS(overran, ACTOR(w)), "promise 4: a recycle leads to a newer version");
                WORKER(spawned, handing_off__awaiting_child)
            fi
        fi;
        check() }
#endif

    /* The child of a predecessor. */
    :: d_step { (wstate[w] == st_handing_off__awaiting_child || wstate[w] == st_handing_off__awaiting_successor) &&
                late[ACTOR(w)] == 0 && IS_LATE(wchild[w]) ->
        spend_early(wchild[w]);
#ifdef FAULT_RELEASE_ALIVE
        release(ACTOR(w)); leave(w, EXIT_STOPPED);
#else
        late[ACTOR(w)] = 1;
#endif
        check() }
    :: d_step { late[ACTOR(w)] == 1 ->
        late[ACTOR(w)] = 2;
#ifndef FAULT_NOT_REAPED
        if :: HAS(alive, wchild[w]) -> leave(wchild[w], EXIT_SIGNAL) :: else fi;
#endif
        if
        :: wstate[w] == st_handing_off__awaiting_child -> WORKER(child_deadline, handing_off__awaiting_child)
        :: else -> WORKER(child_deadline, handing_off__awaiting_successor)
        fi;
        check() }
    :: d_step { (wstate[w] == st_handing_off__awaiting_child || wstate[w] == st_handing_off__awaiting_successor) && late[ACTOR(w)] == 0 && UP_COUNTS(wchild[w]) ->
        mark_good(ACTOR(w), tried[ACTOR(w)]); release(ACTOR(w));
        WORKER(child_ready, verified__handed_over);
        forget(wchild[w]); wchild[w] = NONE; tried[ACTOR(w)] = 0;
        leave(w, EXIT_STOPPED); check() }
    :: d_step { wstate[w] == st_handing_off__awaiting_child &&
                ((late[ACTOR(w)] == 0 && !HAS(alive, wchild[w]) && !UP_COUNTS(wchild[w])) || late[ACTOR(w)] == 2) ->
        judged = VERDICT(ACTOR(w), wchild[w]);
        pick = wchild[w];
        wchild[w] = NONE;
        if
        :: judged == LEFT ->
            mark_good(ACTOR(w), tried[ACTOR(w)]); release(ACTOR(w));
            WORKER(child_left, verified__handed_over)
        :: judged == LOST -> release(ACTOR(w)); WORKER(child_lost, idle__stopped)
        :: judged == STOPPED -> release(ACTOR(w)); WORKER(child_stopped, idle__stopped)
        :: judged == FAILED ->
            blame(ACTOR(w), pick);
            reject(ACTOR(w), tried[ACTOR(w)]);
            ADD(goodnext, ACTOR(w));
            if
            :: ours && attempts[w] < 2 -> WORKER(child_failed, spawning)
            :: else -> release(ACTOR(w)); WORKER(child_failed_last, failed)
            fi
        :: else ->
            if
            :: attempts[w] < 2 -> WORKER(child_killed, spawning)
            :: else -> release(ACTOR(w)); WORKER(child_killed_last, failed)
            fi
        fi;
        late[ACTOR(w)] = 0; tried[ACTOR(w)] = 0;
        forget(pick);
        if
        :: wstate[w] != st_spawning -> leave(w, EXIT_STOPPED)
        :: else
        fi;
        check() }
    :: d_step { wstate[w] == st_handing_off__awaiting_successor &&
                ((late[ACTOR(w)] == 0 && !HAS(alive, wchild[w]) && !UP_COUNTS(wchild[w])) || late[ACTOR(w)] == 2) ->
        judged = VERDICT(ACTOR(w), wchild[w]);
        pick = wchild[w];
        wchild[w] = NONE;
        if
        :: judged == LEFT ->
            mark_good(ACTOR(w), tried[ACTOR(w)]); release(ACTOR(w));
            WORKER(child_left, verified__handed_over)
        :: judged == STOPPED -> release(ACTOR(w)); WORKER(child_stopped, idle__stopped)
        :: judged == FAILED ->
            blame(ACTOR(w), pick);
            reject(ACTOR(w), tried[ACTOR(w)]);
            WORKER(child_failed, handing_off__resuming)
        :: else -> WORKER(child_killed, handing_off__resuming)
        fi;
        must(wstate[w] != st_handing_off__resuming || !HAS(up, pick), "rule 1: nobody resumes after the successor was up");
        late[ACTOR(w)] = 0; tried[ACTOR(w)] = 0;
        forget(pick);
        if
        :: wstate[w] != st_handing_off__resuming -> leave(w, EXIT_STOPPED)
        :: else
        fi;
        check() }
    :: d_step { wstate[w] == st_handing_off__resuming ->
        if
        :: HAS(stopqueued, w) -> release(ACTOR(w)); WORKER(stop_asked, idle__stopped); leave(w, EXIT_STOPPED)
        :: else -> pidfile = w; WORKER(pid_written, handing_off__resuming_pid_written)
        fi;
        check() }
    :: d_step { wstate[w] == st_handing_off__resuming_pid_written && phase[w] == 0 -> ADD(apps, w); phase[w] = 1; check() }
    :: d_step { wstate[w] == st_handing_off__resuming_pid_written && phase[w] == 1 ->
        phase[w] = 0; attempts[w] = 0; DROP(restartwhy, w); tried[ACTOR(w)] = 0;
        release(ACTOR(w)); ADD(accepts, w);
        WORKER(app_up, verified);
        check() }
    od
}

/* Kills any process at any moment; lets the lock of any living holder grow stale. */

inline kill_launcher(l) {
    if
    :: lchild[l] != NONE ->
        if :: HAS(unborn, lchild[l]) -> ADD(excused, lchild[l]) :: else fi;
        forget(lchild[l])
    :: else
    fi;
    DROP(holds, l); DROP(overran, l); tried[l] = 0;
    finish(l);
    lstate[l] = st_killed
}

#define KILL_LAUNCHER(l) d_step { kills > 0 && HAS(running, l) -> kills--; printf("launcher %d is killed\n", l); kill_launcher(l); check() }
#define KILL_WORKER(w) d_step { kills > 0 && HAS(alive, w) -> kills--; printf("worker %d is killed\n", w); die(w, EXIT_SIGNAL); check() }

proctype Weather() {
end: do
    :: KILL_LAUNCHER(0)
#if LAUNCHERS > 1
    :: KILL_LAUNCHER(1)
#endif
#if LAUNCHERS > 2
    :: KILL_LAUNCHER(2)
#endif
    :: KILL_WORKER(0)
    :: KILL_WORKER(1)
    :: KILL_WORKER(2)
    :: KILL_WORKER(3)
    :: KILL_WORKER(4)
    :: d_step { overruns > 0 && owner != NONE && !stale && ALIVE_ACTOR(owner) ->
        overruns--;
        printf("the lease of actor %d runs out\n", owner);
        stale = 1; ADD(overran, owner);
        for (i : 0 .. WORKERS - 1) {
            if :: HAS(unborn, i) && lock_token[i] == owner -> ADD(excused, i) :: else fi
        }
        check() }
    :: d_step { kills + overruns + early > 0 -> kills = 0; overruns = 0; early = 0 }
    od
}

/* Tells whether a world in which nobody can move is at rest. */
proctype Judge() {
    d_step {
        timeout && (HEALER == NONE || lstate[HEALER % LAUNCHERS] != st_none) ->
        for (i : 0 .. LAUNCHERS - 1) {
            must(FINAL(i), "L1 a run waits for what never comes")
        }
        for (i : 0 .. WORKERS - 1) {
            must(!HAS(alive, i) || wstate[i] == st_verified, "L1 a worker waits for what never comes")
        }
        must(socks == 0 || accepts != 0, "a port is held with nobody to answer");
        must(TAKEABLE, "the lock is held by nobody who would release it");
        must(HEALER == NONE || lstate[HEALER % LAUNCHERS] == st_verified, "L2 the next event ends verified")
    }
}

init {
    d_step {
        for (i : 0 .. LAUNCHERS - 1) { lstate[i] = st_none }
        for (i : 0 .. WORKERS - 1) { wstate[i] = st_none }
        if
        :: INCUMBENT ->
            ADD(alive, 0); ADD(socks, 0); ADD(accepts, 0); ADD(apps, 0);
            pidfile = 0; wstate[0] = st_verified; build[0] = INCUMBENT; says[0] = INCUMBENT
        :: else
        fi
    }
    atomic {
        run Launcher(0);
#if LAUNCHERS > 1
        run Launcher(1);
#endif
#if LAUNCHERS > 2
        run Launcher(2);
#endif
#if LAUNCHERS > 3
        run Launcher(3);
#endif
        run Worker(0); run Worker(1); run Worker(2); run Worker(3); run Worker(4);
#if KILLS + OVERRUNS + EARLY > 0
        run Weather();
#endif
        run Judge()
    }
}
