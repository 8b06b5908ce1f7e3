# Rscript rxode2.R FOLDER RTOL ATOL REPLACE OUT: prints the CPU seconds of solving, writes scaled states to OUT.
given <- commandArgs(TRUE)
folder <- given[1]
suppressMessages(library(rxode2))
setRxThreads(1)
numbers <- read.csv(file.path(folder, "numbers.csv"))
doses <- read.csv(file.path(folder, "doses.csv"))
times <- read.csv(file.path(folder, "times.csv"))$time
model <- rxode2(paste(readLines(file.path(folder, "rxode2.txt")), collapse = "\n"), wd = folder, modName = "benchmark")
patients <- seq_len(nrow(numbers))
doses$evid <- ifelse(doses$keep == 0, as.numeric(given[4]), 1)
doses$cmt <- paste0("Z", doses$cmt - 1)
start <- data.frame(ID = patients, time = 0, cmt = "Z0", amt = 0, evid = 0)
seen <- data.frame(ID = rep(patients, each = length(times)), time = rep(times, nrow(numbers)), cmt = "Z0", amt = 0, evid = 0)
events <- rbind(start, doses[, names(seen)], seen)
events <- events[order(events$ID, events$time, seq_len(nrow(events))), ]
names(events)[1] <- "id"
numbers$id <- patients
names <- paste0("Z", seq_len(sum(grepl("^s[0-9]+$", colnames(numbers)))) - 1)
solve <- function() {
  rxSolve(model, params = numbers, events = events, rtol = as.numeric(given[2]), atol = as.numeric(given[3]),
          maxsteps = 1000000L, cores = 1L, returnType = "data.frame")
}
invisible(solve())
took <- system.time(found <- solve())
if (is.null(found$id)) found$id <- 1
found <- do.call(rbind, lapply(split(found, found$id), function(one) tail(one, length(times))))
write.csv(format(found[, names], digits = 17), given[5], row.names = FALSE, quote = FALSE)
cat(took[["user.self"]] + took[["sys.self"]], "\n")
