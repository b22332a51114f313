import Glibc

/// The process's own figures, by the names that Prometheus clients give them.
enum ProcessFigures {
    static func add(to text: inout Exposition) {
        if let seconds = cpuSeconds {
            text.counter("process_cpu_seconds_total", "User and system time.", seconds: seconds)
        }
        if let bytes = residentBytes {
            text.gauge("process_resident_memory_bytes", "Resident memory.", Double(bytes))
        }
        if let count = openFiles { text.gauge("process_open_fds", "Open file descriptors.", Double(count)) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            text.gauge("process_max_fds", "Most open file descriptors.", Double(limit.rlim_cur))
        }
        text.gauge("process_start_time_seconds", "When the process started, since 1970.", startTime)
    }

    private static var cpuSeconds: Double? {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return nil }
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }

    private static var residentBytes: Int? {
        guard let file = fopen("/proc/self/statm", "re") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { return nil }
        let fields = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            .split(separator: " ")
        return fields.count > 1 ? Int(fields[1]).map { $0 * Int(sysconf(Int32(_SC_PAGESIZE))) } : nil
    }

    private static var openFiles: Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // Itself, "." and "..".
        return count - 3
    }

    /// Read once: setting the clock does not move it.
    private static let startTime: Double = {
        var (wall, boot) = (timespec(), timespec())
        clock_gettime(CLOCK_REALTIME, &wall)
        clock_gettime(CLOCK_BOOTTIME, &boot)
        let now = Double(wall.tv_sec) + Double(wall.tv_nsec) / 1e9
        guard let file = fopen("/proc/self/stat", "re") else { return now }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 1024)
        guard fgets(&line, Int32(line.count), file) != nil else { return now }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // The name in brackets may hold anything; the start is the 20th field after it, in clock ticks since boot.
        guard let end = text.lastIndex(of: ")") else { return now }
        let fields = text[end...].split(separator: " ")
        guard fields.count > 20, let ticks = Double(fields[20]) else { return now }
        let uptime = Double(boot.tv_sec) + Double(boot.tv_nsec) / 1e9
        return now - uptime + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }()
}
