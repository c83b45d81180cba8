// The oracle of path_spec.lua: std::filesystem::path's answers, one line for each line read.
// "1\tPATH": every function of one path; "2\tA\tB": every function of two. Fields are separated by tabs.
#include <filesystem>
#include <iostream>
#include <string>

using std::filesystem::path;

static void add(const std::string &field) { std::cout << field << '\t'; }
static void add(bool field) { std::cout << (field ? "true\t" : "false\t"); }
static void add(const path &field) { add(field.string()); }

static void unary(const path &p)
{
    add(p.root_name());
    add(p.root_directory());
    add(p.root_path());
    add(p.relative_path());
    add(p.parent_path());
    add(p.filename());
    add(p.stem());
    add(p.extension());
    add(p.empty());
    add(p.has_root_path());
    add(p.has_root_name());
    add(p.has_root_directory());
    add(p.has_relative_path());
    add(p.has_parent_path());
    add(p.has_filename());
    add(p.has_stem());
    add(p.has_extension());
    add(p.is_absolute());
    add(p.is_relative());
    add(p.generic_string());
    add(path(p).make_preferred());
    add(path(p).remove_filename());
    add(path(p).replace_extension());
    add(p.lexically_normal());
    std::string parts;
    for (const path &part : p)
        parts += part.string() + '\1';
    add(parts);
}

// By its definition in the standard: libstdc++ 12's own corrupts the heap on some pairs.
static std::string replaced_extension(const path &a, const path &b)
{
    std::string stripped = path(a).replace_extension().string();
    if (!b.empty() && b.string()[0] != '.')
        stripped += '.';
    return stripped + b.string();
}

static void binary(const path &a, const path &b)
{
    add(path(a) / b);
    add(a.string() + b.string());
    add(path(a).replace_filename(b));
    add(replaced_extension(a, b));
    add(a.lexically_relative(b));
    add(a.lexically_proximate(b));
    add(a == b);
    add(a < b);
    add(a <= b);
}

int main()
{
    for (std::string line; std::getline(std::cin, line); std::cout << '\n') {
        std::string rest = line.substr(2);
        if (line[0] == '1') {
            unary(rest);
        } else {
            auto tab = rest.find('\t');
            binary(rest.substr(0, tab), rest.substr(tab + 1));
        }
    }
}
