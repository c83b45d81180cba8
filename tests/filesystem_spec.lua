local error_ = require "ljos.error"
local fs = require "ljos.filesystem"

describe("filesystem", function()
    it("has every function of the reference", function()
        for _, name in ipairs {
            "mode",
            "directory_iterator",
            "recursive_directory_iterator",
            "absolute",
            "canonical",
            "weakly_canonical",
            "relative",
            "proximate",
            "current_working_directory",
            "chroot",
            "copy",
            "copy_file",
            "copy_symlink",
            "create_directory",
            "create_directories",
            "open",
            "mkdir",
            "create_hardlink",
            "create_symlink",
            "create_directory_symlink",
            "mkfifo",
            "mknod",
            "makedev",
            "dev_major",
            "dev_minor",
            "equivalent",
            "file_size",
            "hardlink_count",
            "last_write_time",
            "chown",
            "lchown",
            "chmod",
            "lchmod",
            "read_symlink",
            "remove",
            "remove_all",
            "rename",
            "resize_file",
            "is_empty",
            "exists",
            "is_block_device",
            "is_character_device",
            "is_directory",
            "is_fifo",
            "is_other",
            "is_regular_file",
            "is_socket",
            "is_symlink",
            "space",
            "status",
            "symlink_status",
            "temp_directory_path",
            "umask",
            "cap_get_file",
            "cap_set_file",
        } do
            assert.are.equal("function", type(fs[name]), name)
        end
        assert.are.equal("table", type(fs.path))
        assert.are.equal("table", type(fs.clock))
    end)

    it("raises bad_index for an unknown name", function()
        local ok, err = pcall(function() return fs.no_such_function end)
        assert.is_false(ok)
        assert.is_true(error_.is_core(err, "bad_index"))
    end)
end)
