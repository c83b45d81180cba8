//! Clocks and timers.
#![forbid(unsafe_code)]

use super::Group;

pub const GROUPS: &[Group] = &[
    group!("CLOCK":
        [linux_raw_sys::general] {
            CLOCK_AUX CLOCK_AUX_LAST CLOCK_SGI_CYCLE
        }
        [libc] {
            CLOCK_BOOTTIME CLOCK_BOOTTIME_ALARM CLOCK_MONOTONIC CLOCK_MONOTONIC_COARSE CLOCK_MONOTONIC_RAW
            CLOCK_PROCESS_CPUTIME_ID CLOCK_REALTIME CLOCK_REALTIME_ALARM CLOCK_REALTIME_COARSE CLOCK_TAI
            CLOCK_THREAD_CPUTIME_ID
        }
        [linux_raw_sys::net] {
            CLOCK_DEFAULT CLOCK_EXT CLOCK_INT CLOCK_TXFROMRX CLOCK_TXINT
        }
    ),
    group!("ITIMER":
        [libc] {
            ITIMER_PROF ITIMER_REAL ITIMER_VIRTUAL
        }
    ),
    group!("TIMER":
        [libc] {
            TIMER_ABSTIME
        }
    ),
    group!("ADJ":
        [libc] {
            ADJ_ESTERROR ADJ_FREQUENCY ADJ_MAXERROR ADJ_MICRO ADJ_NANO ADJ_OFFSET ADJ_OFFSET_SINGLESHOT
            ADJ_OFFSET_SS_READ ADJ_SETOFFSET ADJ_STATUS ADJ_TAI ADJ_TICK ADJ_TIMECONST
        }
    ),
    group!("STA":
        [libc] {
            STA_CLK STA_CLOCKERR STA_DEL STA_FLL STA_FREQHOLD STA_INS STA_MODE STA_NANO STA_PLL STA_PPSERROR
            STA_PPSFREQ STA_PPSJITTER STA_PPSSIGNAL STA_PPSTIME STA_PPSWANDER STA_RONLY STA_UNSYNC
        }
    ),
    group!("TIME":
        [libc] {
            TIME_OK TIME_INS TIME_DEL TIME_OOP TIME_WAIT TIME_ERROR TIME_BAD
        }
    ),
];
