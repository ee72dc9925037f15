/* The spawn lock, at the granularity of one system call on its files.
 *
 * Bounds come as -D: ACTORS KILLS AGEINGS, and FAULT_... seeds one fault. Inode numbers are handed
 * out again at once, as some file systems do; an inode that somebody keeps open is not.
 */
#define INODES 8
#define NONE 15
#define BIT(n) (1 << (n))
#define HAS(mask, n) ((mask) & BIT(n))
#define ADD(mask, n) mask = mask | BIT(n)
#define DROP(mask, n) mask = mask & ~BIT(n)
#define must(that, words) if :: (that) -> skip :: else -> printf("BROKEN: "); printf(words); printf("\n"); assert(false) fi

byte path = NONE;          /* the inode that stands there */
byte guard = NONE;         /* who has the flock */
byte kept[ACTORS] = NONE;  /* the inode that an actor keeps open */
byte aside[ACTORS] = NONE; /* what a thief renamed away */
byte token[INODES];        /* the actor that a whole file names, plus 1; 0 is torn */
byte old;                  /* inodes not touched for longer than a lease */
byte holds, overran, dead;
byte kills = KILLS;
byte ageings = AGEINGS;

hidden byte i, fresh;

#define STALE(inode) (HAS(old, inode) || (token[inode] != 0 && HAS(dead, token[inode] - 1)))
#ifdef FAULT_STEAL_FRESH
#define STEALABLE(inode) 1
#else
#define STEALABLE(inode) STALE(inode)
#endif

inline make(a, words) {
    fresh = 0;
    do
    :: fresh == path -> fresh++
    :: fresh != path ->
        i = 0;
        do
        :: i < ACTORS && kept[i] != fresh && aside[i] != fresh -> i++
        :: else -> break
        od;
        if
        :: i == ACTORS -> break
        :: else -> fresh++
        fi
    od;
    must(fresh < INODES, "BOUND: more inodes than the model has room for");
    token[fresh] = words; DROP(old, fresh); kept[a] = fresh
}

inline hold(a) {
    ADD(holds, a);
    if :: HAS(old, kept[a]) -> ADD(overran, a) :: else -> DROP(overran, a) fi;
    i = holds & ~overran;
    must((i & (i - 1)) == 0, "I4 two holders that have not overrun");
    printf("actor %d holds the lock\n", a)
}

/* Nobody's lock may vanish but one's own, or a stale one; a claim not yet confirmed is no lock. */
inline remove(a) {
    if
    :: path != NONE && token[path] != 0 && HAS(holds, token[path] - 1) ->
        must(token[path] == a + 1 || STALE(path), "I4 a lock is removed that is not its remover's")
    :: else
    fi;
    path = NONE
}

proctype Actor(byte a) {
    byte found = NONE;
end: {
    do
    :: atomic { path == NONE && !HAS(holds, a) -> make(a, 0); path = fresh; printf("actor %d creates the file\n", a) };
        atomic { token[kept[a]] = a + 1; DROP(old, kept[a]); printf("actor %d writes it\n", a) };
#ifdef FAULT_NO_CONFIRM
        atomic { hold(a) }
#else
        atomic { guard == NONE -> guard = a };
        atomic {
            guard = NONE;
            if
            :: path == kept[a] && token[path] == a + 1 -> hold(a)
            :: else -> kept[a] = NONE
            fi }
#endif
    :: atomic { path != NONE && STEALABLE(path) && !HAS(holds, a) -> found = path; printf("actor %d finds it stale\n", a) };
#ifdef FAULT_UNLINK_RACE
        atomic { remove(a); printf("actor %d unlinks it\n", a); found = NONE }
#elif defined(FAULT_STAT_AGAIN)
        atomic { if :: path == NONE || !STALE(path) -> found = NONE :: else fi };
        atomic { if :: found != NONE -> remove(a); printf("actor %d unlinks it\n", a) :: else fi; found = NONE }
#elif defined(FAULT_RENAME_VERIFY)
        atomic { aside[a] = path; path = NONE; printf("actor %d renames it away\n", a) };
        atomic {
            if
            :: aside[a] != NONE && !STALE(aside[a]) ->
                must(path == NONE, "I4 a lock is removed that is not its remover's");
                path = aside[a]
            :: else
            fi;
            aside[a] = NONE; found = NONE }
#else
        if
        :: atomic { guard == NONE -> guard = a };
            atomic { make(a, a + 1) };
            atomic {
                if
                :: path != NONE && STEALABLE(path) -> skip
                :: else -> kept[a] = NONE; guard = NONE
                fi };
            atomic {
                if
                :: kept[a] != NONE ->
                    remove(a); path = kept[a]; printf("actor %d renames its own over it\n", a);
                    hold(a); guard = NONE
                :: else
                fi; found = NONE }
        :: atomic { guard != NONE -> found = NONE }
        fi
#endif

    :: atomic { HAS(holds, a) -> printf("actor %d lets go\n", a); DROP(holds, a) };
#if defined(FAULT_RELEASE_ANY)
        atomic { remove(a); kept[a] = NONE; DROP(overran, a) }
#elif defined(FAULT_CHECK_THEN_UNLINK)
        atomic { found = (path == kept[a] && token[path] == a + 1 -> path : NONE) };
        atomic { if :: found != NONE -> remove(a) :: else fi; kept[a] = NONE; DROP(overran, a); found = NONE }
#else
        atomic { guard == NONE -> guard = a };
        atomic { found = (path != NONE && path == kept[a] && token[path] == a + 1 -> path : NONE) };
        atomic {
            if :: found != NONE -> remove(a) :: else fi;
            guard = NONE; kept[a] = NONE; DROP(overran, a); found = NONE }
#endif
    od
    } unless { HAS(dead, a) }
}

proctype Weather() {
    byte a;
end: do
    :: atomic { ageings > 0 && path != NONE && !HAS(old, path) ->
        ageings--;
        printf("actor %d and others: the lease runs out\n", token[path] - 1);
        ADD(old, path);
        if
        :: token[path] != 0 && HAS(holds, token[path] - 1) -> ADD(overran, token[path] - 1)
        :: else
        fi }
    :: kills > 0 ->
        select(a : 0 .. ACTORS - 1);
        atomic {
            if
            :: kills > 0 && !HAS(dead, a) ->
                kills--; ADD(dead, a); DROP(holds, a); DROP(overran, a);
                printf("actor %d is killed\n", a);
                kept[a] = NONE; aside[a] = NONE;
                if :: guard == a -> guard = NONE :: else fi
            :: else
            fi }
    od
}

init {
    atomic {
        run Actor(0); run Actor(1);
#if ACTORS > 2
        run Actor(2);
#endif
        run Weather()
    }
}
