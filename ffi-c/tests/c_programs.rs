//! Builds the C library as programs get it, and runs the C programs of `tests/c` and `examples/c` with it: as C99 and as C++17,
//! linked to the shared and to the static library.
//!
//! Covers: rows WS-5.2-6, WS-5.2-9, WS-6.4-3, WS-6.5-1 and WS-6.5-4 are seen from C in `tests/c/exchange.c` and
//! `tests/c/bad_input.c`; WS-5.2-7 and WS-6.4-4 in `tests/c/life.c`; WS-5.2-8 in `tests/c/outbox.c`; WS-5.2-2 and WS-5.2-3 in `tests/c/registrar.c`;
//! WS-7-1 and WS-7-2 in `tests/c/tls.c`, WS-A-1 by `examples/c/secure.c`.
//! The compilers are `$CC` and `$CXX`, `cc` and `c++` without them. No library of this crate is linked here: cargo does not
//! promise where it leaves one, so it is asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod certificates;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

const WARNINGS: &[&str] = &["-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}{err}", output.status);
    output
}

// --- the library ------------------------------------------------------------------------------------------------------

struct Library {
    shared: PathBuf,
    archive: PathBuf,
    /// Has the shared library under its SONAME.
    folder: PathBuf,
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        // With these packages and the core's examples, the core has the features that it has in `make test`, and is there.
        build.args(["build", "--package", env!("CARGO_PKG_NAME"), "--package", "onem2m-ws", "--lib", "--examples"]);
        build.args(["--message-format", "json", "--quiet"]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let output = run(build.current_dir(root()).stderr(Stdio::inherit()));
        let file = |ending: &str| {
            let files = output.stdout.lines().filter_map(|line| {
                let message: serde_json::Value = serde_json::from_str(&line.unwrap()).ok()?;
                let files = message.get("filenames")?.as_array()?.clone();
                files
                    .into_iter()
                    .find_map(|file| file.as_str().filter(|file| file.ends_with(ending)).map(PathBuf::from))
            });
            files.last().unwrap_or_else(|| panic!("cargo build made no {ending}"))
        };
        let (shared, archive) = (file("/libonem2m_ws.so"), file("/libonem2m_ws.a"));
        let folder = folder("lib");
        for name in ["libonem2m_ws.so", "libonem2m_ws.so.0"] {
            let link = folder.join(name);
            let _ = fs::remove_file(&link);
            symlink(&shared, &link).unwrap();
        }
        Library { shared, archive, folder }
    })
}

#[derive(Clone, Copy, Debug)]
enum Language {
    C,
    Cxx,
}

#[derive(Clone, Copy, Debug)]
enum Linking {
    Shared,
    Static,
}

impl Language {
    /// The compiler with everything but the files.
    fn compiler(self) -> Command {
        let (variable, otherwise) = match self {
            Self::C => ("CC", "cc"),
            Self::Cxx => ("CXX", "c++"),
        };
        let named = std::env::var(variable).ok().filter(|value| !value.trim().is_empty());
        let named = named.unwrap_or_else(|| otherwise.to_owned());
        // As make understands it: a program and its first arguments.
        let mut words = named.split_whitespace();
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(WARNINGS).arg("-I").arg(root().join("include"));
        match self {
            Self::C => command.args(["-std=c99", "-D_POSIX_C_SOURCE=200809L"]),
            Self::Cxx => command.args(["-std=c++17"]),
        };
        command
    }

    /// False, with a line that says so, where there is no C++ compiler: only C is needed to build and test the library.
    fn is_there(self) -> bool {
        let there = matches!(self, Self::C) || self.compiler().arg("--version").output().is_ok();
        if !there {
            println!("SKIPPED, C++: there is no C++ compiler; install one, or set CXX");
        }
        there
    }

    fn compile(self, source: &Path, object: &Path) {
        let mut command = self.compiler();
        if matches!(self, Self::Cxx) {
            command.args(["-x", "c++"]);
        }
        run(command.arg("-c").arg(source).arg("-o").arg(object));
    }

    fn link(self, linking: Linking, objects: &[PathBuf], program: &Path) {
        let library = library();
        let mut command = self.compiler();
        command.arg("-o").arg(program).args(objects);
        match linking {
            Linking::Shared => {
                let rpath = format!("-Wl,-rpath,{}", library.folder.display());
                command.arg("-L").arg(&library.folder).args(["-lonem2m_ws", "-lpthread"]).arg(rpath)
            }
            Linking::Static => command.arg(&library.archive).args(static_libraries()),
        };
        run(&mut command);
    }
}

/// What the header tells those to link who link statically.
fn static_libraries() -> Vec<String> {
    let header = header();
    let line = header.lines().find(|line| line.contains("Static:")).expect("the line for static linking in the header");
    let libraries: Vec<String> =
        line.split_whitespace().filter(|word| word.starts_with("-l")).map(str::to_owned).collect();
    assert!(!libraries.is_empty(), "{line}");
    libraries
}

fn header() -> String {
    fs::read_to_string(root().join("include/onem2m_ws.h")).unwrap()
}

fn sources(of: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(of)).unwrap().map(|entry| entry.unwrap().path());
    let mut sources: Vec<_> = entries.filter(|path| path.extension().is_some_and(|ending| ending == "c")).collect();
    sources.sort();
    assert!(!sources.is_empty(), "{of}");
    sources
}

fn name_of(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// The folder that has the certificates of the tests.
fn certificates() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = folder("certificates");
        certificates::make(&folder);
        folder
    })
}

// --- the programs of tests/c ------------------------------------------------------------------------------------------

/// The program that has all tests of `tests/c`.
fn program(language: Language, linking: Linking) -> PathBuf {
    static OBJECTS: [OnceLock<Vec<PathBuf>>; 2] = [const { OnceLock::new() }; 2];
    let objects = OBJECTS[language as usize].get_or_init(|| {
        let folder = folder(&format!("objects-{language:?}"));
        let compile = |source: PathBuf| {
            let object = folder.join(name_of(&source)).with_extension("o");
            language.compile(&source, &object);
            object
        };
        sources("tests/c").into_iter().map(compile).collect()
    });
    // Tests run at the same time, and each removes its own.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let program = folder("programs").join(format!("{language:?}-{linking:?}-{process}-{count}"));
    language.link(linking, objects, &program);
    program
}

/// Runs every test of the program in a process of its own, and says on one line how many passed.
fn run_tests(language: Language, linking: Linking) {
    if !language.is_there() {
        return;
    }
    let program = program(language, linking);
    let list = String::from_utf8(run(&mut Command::new(&program)).stdout).unwrap();
    assert!(list.lines().count() > 40, "tests are missing: {list}");
    let (mut failed, mut skipped) = (Vec::new(), 0);
    for name in list.lines() {
        let mut command = Command::new(&program);
        command.arg(name).env(certificates::VARIABLE, certificates());
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            let how = match output.status.signal() {
                Some(14) => "hung".to_owned(),
                Some(number) => format!("died of signal {number}"),
                None => format!("ended with {:?}", output.status.code()),
            };
            failed.push(format!("{name} {how}: {text}"));
        } else if let Some(reason) = text.lines().find(|line| line.starts_with("SKIPPED")) {
            println!("{reason}");
            skipped += 1;
        }
    }
    let _ = fs::remove_file(&program);
    let passed = list.lines().count() - failed.len() - skipped;
    println!("{language:?}, {linking:?}:");
    println!("C: {passed} passed, {} failed, {skipped} skipped", failed.len());
    assert!(failed.is_empty(), "{language:?}, {linking:?}:\n{}", failed.join("\n"));
}

#[test]
fn tests_as_c99_with_the_shared_library() {
    run_tests(Language::C, Linking::Shared);
}

#[test]
fn tests_as_c99_with_the_static_library() {
    run_tests(Language::C, Linking::Static);
}

#[test]
fn tests_as_cxx17_with_the_shared_library() {
    run_tests(Language::Cxx, Linking::Shared);
}

#[test]
fn tests_as_cxx17_with_the_static_library() {
    run_tests(Language::Cxx, Linking::Static);
}

// --- header, documentation, symbols -----------------------------------------------------------------------------------

#[test]
fn the_header_stands_alone_in_every_standard() {
    let source = root().join("tests/c/second_unit.c");
    for (language, standard) in [
        (Language::C, "c99"),
        (Language::C, "c11"),
        (Language::C, "c17"),
        (Language::Cxx, "c++11"),
        (Language::Cxx, "c++20"),
    ] {
        if !language.is_there() {
            continue;
        }
        let mut command = language.compiler();
        command.args([format!("-std={standard}"), "-fsyntax-only".to_owned()]);
        if matches!(language, Language::Cxx) {
            command.args(["-x", "c++"]);
        }
        run(command.arg(&source));
    }
}

/// Compiles a program out of a document, in both languages.
fn compile_snippet(name: &str, code: &str) {
    let source = folder("snippets").join(name).with_extension("c");
    fs::write(&source, code).unwrap();
    for language in [Language::C, Language::Cxx].into_iter().filter(|language| language.is_there()) {
        language.compile(&source, &source.with_extension("o"));
    }
}

#[test]
fn the_program_in_the_header_compiles() {
    let header = header();
    let code: String = header
        .lines()
        .skip_while(|line| !line.contains("A whole program:"))
        .take_while(|line| !line.contains("Compile:"))
        .filter_map(|line| line.strip_prefix(" *     "))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert!(code.contains("int main(void)"), "{code}");
    compile_snippet("header", &code);
}

#[test]
fn the_programs_in_the_guide_compile() {
    let guide = fs::read_to_string(root().join("docs/guide-c.md")).unwrap();
    let programs: Vec<&str> = guide.split("```c\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!programs.is_empty(), "docs/guide-c.md has no program");
    for (number, code) in programs.iter().enumerate() {
        compile_snippet(&format!("guide-{number}"), code);
    }
}

#[test]
fn the_shared_library_exports_what_is_listed_under_its_soname() {
    let library = library();
    let symbols = run(Command::new("nm").args(["-D", "--defined-only"]).arg(&library.shared)).stdout;
    let mut exported: Vec<String> = String::from_utf8(symbols)
        .unwrap()
        .lines()
        .filter_map(|line| Some(line.split(' ').nth(2)?.to_owned()))
        .collect();
    exported.sort();
    let listed = fs::read_to_string(root().join("ffi-c/symbols.txt")).unwrap();
    assert_eq!(exported, listed.lines().collect::<Vec<_>>(), "ffi-c/symbols.txt; run `make header`");
    let dynamic = run(Command::new("readelf").arg("-d").arg(&library.shared)).stdout;
    let dynamic = String::from_utf8_lossy(&dynamic).into_owned();
    assert!(dynamic.contains("SONAME") && dynamic.contains("[libonem2m_ws.so.0]"), "{dynamic}");
}

/// As `make install` leaves it, with the libraries of this test.
#[test]
fn an_installed_library_is_found_through_pkg_config() {
    if Command::new("pkg-config").arg("--version").output().is_err() {
        println!("SKIPPED, installation: there is no pkg-config");
        return;
    }
    let library = library();
    let prefix = folder("installed");
    let (libraries, headers) = (prefix.join("lib"), prefix.join("include"));
    let packages = libraries.join("pkgconfig");
    fs::create_dir_all(&packages).unwrap();
    fs::create_dir_all(&headers).unwrap();
    fs::copy(root().join("include/onem2m_ws.h"), headers.join("onem2m_ws.h")).unwrap();
    let template = fs::read_to_string(root().join("ffi-c/onem2m_ws.pc.in")).unwrap();
    let package = template.replace("@prefix@", &prefix.display().to_string());
    fs::write(packages.join("onem2m_ws.pc"), package.replace("@version@", env!("CARGO_PKG_VERSION"))).unwrap();
    let ask = |arguments: &[&str]| {
        let output = run(Command::new("pkg-config").args(arguments).arg("onem2m_ws").env("PKG_CONFIG_PATH", &packages));
        let words = String::from_utf8(output.stdout).unwrap();
        words.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ask(&["--modversion"]), [env!("CARGO_PKG_VERSION")]);

    let source = folder("snippets").join("version.c");
    let code = "#include <onem2m_ws.h>\n#include <stdio.h>\nint main(void) { return puts(onem2m_ws_version()) < 0; }\n";
    fs::write(&source, code).unwrap();
    let names = ["libonem2m_ws.so", "libonem2m_ws.so.0", "libonem2m_ws.a"];
    for (arguments, files) in
        [(&["--cflags", "--libs"][..], &names[..2]), (&["--static", "--cflags", "--libs"], &names[2..])]
    {
        names.iter().for_each(|name| drop(fs::remove_file(libraries.join(name))));
        for name in files {
            let from = if name.ends_with(".a") { &library.archive } else { &library.shared };
            symlink(from, libraries.join(name)).unwrap();
        }
        let program = prefix.join("version");
        run(Command::new("cc").args(["-o"]).arg(&program).arg(&source).args(ask(arguments)));
        let said = run(Command::new(&program).env("LD_LIBRARY_PATH", &libraries)).stdout;
        assert_eq!(String::from_utf8_lossy(&said).trim(), env!("CARGO_PKG_VERSION"));
    }
}

// --- examples ---------------------------------------------------------------------------------------------------------

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Its output, once it has ended, which must be with success and in time.
    fn finish(mut self, name: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.0.try_wait().unwrap().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        let ended = self.0.try_wait().unwrap();
        let _ = self.0.kill();
        let mut text = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        assert!(ended.is_some_and(|status| status.success()), "{name}: {ended:?}\n{text}");
        text
    }
}

fn example(name: &str) -> PathBuf {
    let program = folder("examples").join(name);
    let source = root().join("examples/c").join(name).with_extension("c");
    let object = program.with_extension("o");
    // Last in C: that one is linked.
    for language in [Language::Cxx, Language::C].into_iter().filter(|language| language.is_there()) {
        language.compile(&source, &object);
    }
    Language::C.link(Linking::Shared, &[object], &program);
    program
}

fn run_examples(arguments: &[&str]) {
    let (sensor, actuator) = (example("sensor"), example("actuator"));
    let actuator = Running::start(Command::new(actuator).args(arguments).args(["--count", "3"]));
    let sensor = Running::start(Command::new(sensor).args(arguments).args(["--count", "30", "--interval", "0.1"]));
    let heard = actuator.finish("actuator");
    let said = sensor.finish("sensor");
    assert_eq!(said.matches("published").count(), 30, "{said}");
    assert_eq!(heard.matches("valve").count(), 3, "{heard}");
}

#[test]
fn examples_run_at_our_registrar_and_say_what_is_wrong() {
    let program = program(Language::C, Linking::Shared);
    let mut registrar = Running::start(Command::new(&program).arg("registrar"));
    let mut url = String::new();
    BufReader::new(registrar.0.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
    run_examples(&[url.trim()]);

    for name in ["sensor", "actuator"] {
        let output = Command::new(example(name)).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "without arguments");
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage: "));
        let output = Command::new(example(name)).arg("ws://no-such-host.invalid").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "no such host");
        assert!(String::from_utf8_lossy(&output.stderr).contains("no-such-host.invalid"));
    }
    drop(registrar);
    let _ = fs::remove_file(&program);
}

/// An MN-CSE in C: the sensor and the actuator run at it, and it says how it stands with the registrar above.
#[test]
fn the_gateway_serves_the_other_examples_and_tells_of_its_registrar() {
    let (program, gateway) = (program(Language::C, Linking::Shared), example("gateway"));
    let mut registrar = Running::start(Command::new(&program).arg("registrar"));
    let above = Lines::of(&mut registrar).next();
    let mut running =
        Running::start(Command::new(&gateway).args(["--registrar", &above, "--listen", "ws://127.0.0.1:0"]));
    let lines = Lines::of(&mut running);
    let listening = lines.that_has("gateway: /id-mn listens at ws://127.0.0.1:");
    let url = listening.split_whitespace().last().unwrap().to_owned();
    lines.that_has(&format!("gateway: registered at /id-in, {above}; 0 wait for it"));
    run_examples(&[&url, "--cse-name", "cse-mn"]);
    drop(registrar);
    lines.that_has("gateway: /id-in is away: ");
    let interrupted = Command::new("kill").args(["-INT", &running.0.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    lines.that_has("gateway: stops");
    assert!(running.0.wait().unwrap().success());

    for (arguments, says) in [
        (&[][..], "usage: gateway --registrar"),
        (&["--registrar"], "usage: "),
        (&["--what", "is this"], "usage: "),
        (&["--registrar", "nowhere"], "nowhere"),
        (&["--registrar", &above, "--preset", "mine"], "\"mine\""),
        (&["--registrar", &above, "--cse-id", "/id-in"], "another CSE than this one"),
    ] {
        let output = Command::new(&gateway).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.starts_with("gateway: ") && text.contains(says), "{arguments:?}: {text}");
    }
    let _ = fs::remove_file(&program);
}

/// Annex A.1 over wss: certificates at both ends, and what is said if one is not accepted.
#[test]
fn ws_a_1_the_secure_example_registers_and_publishes_over_wss() {
    let (program, secure) = (program(Language::C, Linking::Shared), example("secure"));
    let certificates = certificates();
    let mut registrar = Command::new(&program);
    let mut registrar = Running::start(registrar.arg("secure-registrar").env(certificates::VARIABLE, certificates));
    let url = Lines::of(&mut registrar).next();
    assert!(url.starts_with("wss://127.0.0.1:"), "{url}");
    let run = |name: &str, authority: &str, originator: &str| {
        let path = |ending: &str| certificates.join(name).with_extension(ending);
        let mut command = Command::new(&secure);
        command.args(["--poa", &url, "--originator", originator]).arg("--cert").arg(path("pem"));
        command.arg("--key").arg(path("key")).arg("--ca").arg(certificates.join(authority)).output().unwrap()
    };
    for _ in 0..2 {
        let output = run("sensor", "ca.pem", "Ssensor");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        for line in ["secure: connected to IP:127.0.0.1", "-> 2001", "secure: deleted"] {
            assert!(said.contains(line), "{line}: {said}");
        }
        assert_eq!(said.matches("-> 2001").count(), 2, "a container and a contentInstance: {said}");
    }
    for (name, authority, originator, says) in [
        ("stranger", "ca.pem", "Cone", "does not accept the credential of this end"),
        ("expired", "ca.pem", "Cone", "has expired"),
        ("sensor", "other-ca.pem", "Ssensor", "trust the authority"),
        ("sensor", "no-such.pem", "Ssensor", "no-such.pem cannot be read"),
        ("sensor", "ca.pem", "Cone", "does not speak for \"Cone\""),
    ] {
        let output = run(name, authority, originator);
        assert_eq!(output.status.code(), Some(1), "{name}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.starts_with("secure: ") && text.contains(says), "{name}: {text}");
    }
    let output = Command::new(&secure).args(["--poa", &url]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("usage: "));
    drop(registrar);
    let _ = fs::remove_file(&program);
}

/// What a running program prints, line by line.
struct Lines(mpsc::Receiver<String>);

impl Lines {
    fn of(running: &mut Running) -> Self {
        let output = BufReader::new(running.0.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self(lines)
    }

    fn next(&self) -> String {
        self.0.recv_timeout(Duration::from_secs(60)).expect("another line within 60 s")
    }

    fn that_has(&self, what: &str) -> String {
        loop {
            let line = self.next();
            if line.contains(what) {
                return line;
            }
        }
    }
}
