# Rscript mrgsolve.R FOLDER RTOL ATOL REPLACE OUT: prints the CPU seconds of solving, writes scaled states to OUT.
given <- commandArgs(TRUE)
folder <- given[1]
suppressMessages(library(mrgsolve))
numbers <- read.csv(file.path(folder, "numbers.csv"))
doses <- read.csv(file.path(folder, "doses.csv"))
times <- read.csv(file.path(folder, "times.csv"))$time
model <- mread_cache("mrgsolve", project = folder, soloc = folder)
model <- update(model, rtol = as.numeric(given[2]), atol = as.numeric(given[3]), maxsteps = 1e6)
doses$evid <- ifelse(doses$keep == 0, as.numeric(given[4]), 1)
first <- data.frame(ID = seq_len(nrow(numbers)), time = 0, cmt = 0, keep = 1, amt = 0, evid = 2)
events <- rbind(first, doses)
events <- events[order(events$ID, events$time, seq_len(nrow(events))), ]
events <- cbind(events[, c("ID", "time", "cmt", "amt", "evid")], numbers[events$ID, ])
names <- paste0("Z", seq_along(init(model)) - 1)
solve <- function() mrgsim_d(model, events, add = times, end = -1, obsonly = TRUE)
invisible(solve())
took <- system.time(found <- solve())
found <- as.data.frame(found)
found <- found[order(found$ID, found$time), ]
write.csv(format(found[, names], digits = 17), given[5], row.names = FALSE, quote = FALSE)
cat(took[["user.self"]] + took[["sys.self"]], "\n")
