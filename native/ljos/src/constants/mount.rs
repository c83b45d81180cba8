//! Mounts and namespaces.
#![forbid(unsafe_code)]

use super::Group;

pub const GROUPS: &[Group] = &[
    group!("MS":
        [libc] {
            MS_ACTIVE MS_BIND MS_DIRSYNC MS_I_VERSION MS_KERNMOUNT MS_LAZYTIME MS_MANDLOCK MS_MOVE
            MS_NOATIME MS_NODEV MS_NODIRATIME MS_NOEXEC MS_NOSUID MS_NOSYMFOLLOW MS_NOUSER MS_POSIXACL
            MS_PRIVATE MS_RDONLY MS_REC MS_RELATIME MS_REMOUNT MS_SHARED MS_SILENT MS_SLAVE MS_STRICTATIME
            MS_SYNCHRONOUS MS_UNBINDABLE
        }
        [linux_raw_sys::general] {
            MS_BORN MS_NOREMOTELOCK MS_NOSEC MS_SUBMOUNT MS_VERBOSE
        }
    ),
    group!("UMOUNT":
        [libc] {
            MNT_FORCE MNT_DETACH MNT_EXPIRE UMOUNT_NOFOLLOW
        }
    ),
    group!("MOUNT_ATTR":
        [libc] {
            MOUNT_ATTR_IDMAP MOUNT_ATTR_NOATIME MOUNT_ATTR_NODEV MOUNT_ATTR_NODIRATIME MOUNT_ATTR_NOEXEC
            MOUNT_ATTR_NOSUID MOUNT_ATTR_NOSYMFOLLOW MOUNT_ATTR_RDONLY MOUNT_ATTR_RELATIME
            MOUNT_ATTR_SIZE_VER0 MOUNT_ATTR_STRICTATIME MOUNT_ATTR__ATIME
        }
    ),
    group!("MOVE_MOUNT":
        [libc] {
            MOVE_MOUNT_BENEATH MOVE_MOUNT_F_AUTOMOUNTS MOVE_MOUNT_F_EMPTY_PATH MOVE_MOUNT_F_SYMLINKS
            MOVE_MOUNT_SET_GROUP MOVE_MOUNT_T_AUTOMOUNTS MOVE_MOUNT_T_EMPTY_PATH MOVE_MOUNT_T_SYMLINKS
        }
        [linux_raw_sys::general] {
            MOVE_MOUNT__MASK
        }
    ),
    group!("OPEN_TREE":
        [libc] {
            OPEN_TREE_CLOEXEC OPEN_TREE_CLONE OPEN_TREE_NAMESPACE
        }
    ),
    group!("FSOPEN":
        [libc] {
            FSOPEN_CLOEXEC
        }
    ),
    group!("FSPICK":
        [libc] {
            FSPICK_CLOEXEC FSPICK_EMPTY_PATH FSPICK_NO_AUTOMOUNT FSPICK_SYMLINK_NOFOLLOW
        }
    ),
    group!("FSMOUNT":
        [libc] {
            FSMOUNT_CLOEXEC
        }
    ),
    group!("FSCONFIG":
        [linux_raw_sys::general::fsconfig_command] {
            FSCONFIG_CMD_CREATE FSCONFIG_CMD_CREATE_EXCL FSCONFIG_CMD_RECONFIGURE FSCONFIG_SET_BINARY
            FSCONFIG_SET_FD FSCONFIG_SET_FLAG FSCONFIG_SET_PATH FSCONFIG_SET_PATH_EMPTY FSCONFIG_SET_STRING
        }
    ),
    group!("STATMOUNT":
        [linux_raw_sys::general] {
            STATMOUNT_FS_SUBTYPE STATMOUNT_FS_TYPE STATMOUNT_MNT_BASIC STATMOUNT_MNT_GIDMAP
            STATMOUNT_MNT_NS_ID STATMOUNT_MNT_OPTS STATMOUNT_MNT_POINT STATMOUNT_MNT_ROOT
            STATMOUNT_MNT_UIDMAP STATMOUNT_OPT_ARRAY STATMOUNT_OPT_SEC_ARRAY STATMOUNT_PROPAGATE_FROM
            STATMOUNT_SB_BASIC STATMOUNT_SB_SOURCE STATMOUNT_SUPPORTED_MASK
        }
    ),
    group!("LSMT":
        [linux_raw_sys::general] {
            LSMT_ROOT
        }
    ),
    group!("LISTMOUNT":
        [linux_raw_sys::general] {
            LISTMOUNT_REVERSE
        }
    ),
    group!("NS":
        [libc] {
            NS_GET_MNTNS_ID NS_GET_NSTYPE NS_GET_OWNER_UID NS_GET_PARENT NS_GET_PID_FROM_PIDNS
            NS_GET_PID_IN_PIDNS NS_GET_TGID_FROM_PIDNS NS_GET_TGID_IN_PIDNS NS_GET_USERNS NS_MNT_GET_INFO
            NS_MNT_GET_NEXT NS_MNT_GET_PREV
        }
    ),
];
