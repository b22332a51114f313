import Glibc

/// A bar on standard error while many images are worked on; nothing when that is not a terminal, or for a few images.
struct ProgressBar {
    private let total: Int
    private let isShown: Bool

    /// Four images or fewer are done before a bar is read.
    static let fewest = 5

    init(total: Int) {
        self.total = total
        isShown = total >= Self.fewest && isatty(2) != 0
    }

    func show(done: Int) {
        guard isShown else { return }
        let filled = done * 30 / total
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 30 - filled)
        writeError("\r\(bar) \(done)/\(total)", terminator: "")
    }

    /// Clears the line, so that what is printed next does not stand behind the bar.
    func hide() {
        if isShown { writeError("\r\u{1b}[K", terminator: "") }
    }
}
